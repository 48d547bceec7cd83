package simbed_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// TestAdversarialGuestsCostNoMemory: a guest that sends without end must not
// make the simulation grow. What a try may hold is capped by HTTP-BODY-LIMIT
// (10 KiB), HTTP-HDR-CAP (10 MiB, of which nothing is kept), GA-GARBAGE
// (10 MiB) and the window of a connection (64 KiB).
func TestAdversarialGuestsCostNoMemory(t *testing.T) {
	const limit = 192 << 20 // of heap, collected or not, after each run
	ran := 0
	for _, c := range scenariotest.Embedded(t, "*") {
		if !strings.Contains(c.Scenario, "endless") && !strings.Contains(c.Scenario, "flood") && !strings.Contains(c.Scenario, "garbage") {
			continue
		}
		ran++
		var sink counter
		if err := (simbed.Bed{Bare: true}).Play(t.Context(), c, 1, &sink); err != nil {
			t.Errorf("%s: %v", c.ID(), err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > limit {
			t.Errorf("%s: %d MiB of heap after %d attempts", c.ID(), m.HeapAlloc>>20, sink.attempts)
		}
	}
	if ran < 10 {
		t.Errorf("only %d adversarial cases found", ran)
	}
}
