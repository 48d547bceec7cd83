package machine_test

import (
	"bufio"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// TestLateWay: a guest whose answers take long to come is as late, unless its
// machine stood still.
func TestLateWay(t *testing.T) {
	const slow = 100 * time.Millisecond
	for _, stands := range []bool{false, true} {
		mine, theirs := net.Pipe()
		c := machine.NewControl(mine)
		go func() {
			lines := bufio.NewScanner(theirs)
			for first := true; lines.Scan(); first = false {
				var r guestd.Request
				if json.Unmarshal(lines.Bytes(), &r) != nil {
					return
				}
				if first {
					time.Sleep(slow)
					if stands {
						c.Stood(slow)
					}
				}
				if json.NewEncoder(theirs).Encode(guestd.Message{ID: r.ID}) != nil {
					return
				}
			}
		}()
		if err := c.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if late := c.Late(); late >= slow == stands {
			t.Errorf("the machine stood still: %t; late by %v", stands, late)
		}
		_ = c.Close()
		_ = theirs.Close()
	}
}
