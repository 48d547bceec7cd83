package bounds_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

// schedule is a slow, obvious prober: ticks at phase + k*period, one tick kept
// while an attempt runs, the rest dropped. It calls attempt with the start of
// each and gets its length, until attempt says stop.
func schedule(phase, delay, period time.Duration, attempt func(start time.Duration) (length time.Duration, more bool)) {
	free, kept := time.Duration(0), false
	for tick := phase; ; tick += period {
		if tick < delay {
			continue
		}
		if tick < free {
			kept = true
			continue
		}
		start := tick
		if kept {
			// the kept tick fires when the attempt ends; this one comes later
			start, kept = free, false
			tick -= period
		}
		length, more := attempt(start)
		if !more {
			return
		}
		free = start + length
	}
}

// Reference: semantics 1.3, "Bounds for an oracle".
func TestNoScheduleLeavesTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const unit = 100 * time.Millisecond
		period := time.Duration(rapid.IntRange(10, 100).Draw(t, "period")) * unit
		broken := time.Duration(rapid.IntRange(0, 250).Draw(t, "broken attempt")) * unit
		phase := time.Duration(rapid.Int64Range(0, int64(period)-1).Draw(t, "phase"))
		delay := time.Duration(rapid.IntRange(0, 300).Draw(t, "delay")) * unit
		p := probes.Probe{
			InitialDelay: delay, Period: period,
			FailureThreshold: int32(rapid.IntRange(1, 5).Draw(t, "F")), SuccessThreshold: int32(rapid.IntRange(1, 5).Draw(t, "s")),
		}
		fault := delay + time.Duration(rapid.IntRange(0, 900).Draw(t, "fault"))*unit
		lasts := time.Duration(rapid.IntRange(1, 900).Draw(t, "lasts")) * unit
		window := bounds.Window{Lo: broken, Hi: broken}

		first, up := time.Duration(-1), time.Duration(-1)
		detected, recovered := time.Duration(-1), time.Duration(-1)
		good, bad := int32(0), int32(0)
		hit := false // an attempt saw the fault
		schedule(phase, delay, period, func(start time.Duration) (time.Duration, bool) {
			if first < 0 {
				first = start
			}
			if start >= fault && start < fault+lasts {
				good, bad, hit = 0, bad+1, true
				if bad == p.FailureThreshold && detected < 0 {
					detected = start + broken
				}
				return broken, true
			}
			good, bad = good+1, 0
			if good == p.SuccessThreshold && up < 0 && start < fault {
				up = start
			}
			if hit && good == p.SuccessThreshold {
				recovered = start
			}
			return 0, recovered < 0 && (hit || start < fault+lasts)
		})
		inside := func(name string, at time.Duration, w bounds.Window, from time.Duration) {
			if at >= 0 && (at < from+w.Lo || at > from+w.Hi) {
				t.Fatalf("%s at %v, window %v after %v", name, at, w, from)
			}
		}
		inside("first attempt", first, bounds.First(p), 0)
		inside("up", up, bounds.Up(p), 0)
		inside("verdict", detected, bounds.Detect(p, window), fault)
		inside("recovery", recovered, bounds.Recover(p, window), fault+lasts)
	})
}
