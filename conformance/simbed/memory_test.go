package simbed_test

import (
	"testing"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestMemory holds runs with memory to those without, on every embedded case.
func TestMemory(t *testing.T) {
	recalled, made, differ := 0, 0, 0
	for _, c := range scenariotest.Embedded(t, "*") {
		memory := simbed.NewMemory()
		for seed := range uint64(4) {
			var with, without trace.Recorder
			if err := (simbed.Bed{Bare: true, Memory: memory}).Play(t.Context(), c, seed, &with); err != nil {
				t.Fatalf("%s seed %d: %v", c.ID(), seed, err)
			}
			if err := (simbed.Bed{Bare: true}).Play(t.Context(), c, seed, &without); err != nil {
				t.Fatal(err)
			}
			a, b := with.Trace(trace.Header{}), without.Trace(trace.Header{})
			if d := trace.Diff(a, b); d != nil {
				differ++
				t.Errorf("%s seed %d: record %d of %q differs\n with    %+v\n without %+v", c.ID(), seed, d.Record, d.VM, d.A, d.B)
			}
		}
		memory.Close()
		recalled, made = recalled+memory.Recalled, made+memory.Made
	}
	t.Logf("%d tries remembered, %d made, %d runs differ", recalled, made, differ)
	if recalled < made {
		t.Errorf("only %d tries were remembered, %d made", recalled, made)
	}
}
