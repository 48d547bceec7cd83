package simbed_test

import (
	"errors"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestTwin holds the world of bytes to its byte-free twin on every embedded
// case that both can express.
func TestTwin(t *testing.T) {
	same, inexpressible := 0, 0
	for _, c := range scenariotest.Embedded(t, "*") {
		for seed := range uint64(3) {
			twin, err := simbed.Bed{}.Twin(t.Context(), c, seed)
			if errors.Is(err, simbed.ErrInexpressible) {
				inexpressible++
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var recorder trace.Recorder
			if err := (simbed.Bed{Bare: true}).Play(t.Context(), c, seed, simbed.WithoutRequests(&recorder)); err != nil {
				t.Fatal(err)
			}
			if d := trace.Diff(recorder.Trace(twin.Header), twin); d != nil {
				t.Errorf("%s seed %d: record %d of %q differs\n bytes %+v\n twin  %+v", c.ID(), seed, d.Record, d.VM, d.A, d.B)
				break
			}
			same++
		}
	}
	t.Logf("%d runs agree, %d cases need bytes", same, inexpressible)
	if same < 50 {
		t.Errorf("only %d runs were compared", same)
	}
}
