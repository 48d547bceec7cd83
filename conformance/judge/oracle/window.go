package oracle

import (
	"fmt"
	"time"
)

// window writes an interval whose upper edge the slack widens.
func (c *court) window(lo, hi time.Duration) string { return Window(lo, hi, c.slack) }

// Window writes an interval: "[106s, 111s] (+1s slack)".
func Window(lo, hi, slack time.Duration) string {
	return fmt.Sprintf("[%s, %s] (+%s slack)", Seconds(lo), Seconds(hi), Seconds(slack))
}
