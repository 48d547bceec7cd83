package oracle

import "github.com/vmprobe/vmprobe/sim/trace"

// proxied judges what no host of the world may see.
func proxied(c *court) {
	if list := c.run.Of(trace.Violation); len(list) > 0 {
		c.fail(Failure{At: list[0].T, Event: list[0].Index, Message: list[0].Msg, Want: "every connection goes to the guest"})
	}
}
