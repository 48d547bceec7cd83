package clustertest

import (
	"testing"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// TestWish: what each value asks of the tiers api, node and kubevirt.
func TestWish(t *testing.T) {
	tiers := []cluster.Tier{cluster.TierAPI, cluster.TierNode, cluster.TierKubeVirt}
	for value, want := range map[string][3]string{
		"":         {"no", "no", "no"},
		"cached":   {"run", "run", "run"},
		"1":        {"strict", "strict", "strict"},
		"api":      {"build", "run", "run"},
		"node":     {"build", "build", "run"},
		"kubevirt": {"build", "build", "build"},
		"yes":      {"error", "error", "error"},
	} {
		for i, tier := range tiers {
			w, run, err := wish(value, tier)
			got := "run"
			switch {
			case err != nil:
				got = "error"
			case !run:
				got = "no"
			case w.Build && w.Strict:
				got = "strict"
			case w.Build:
				got = "build"
			}
			if got != want[i] {
				t.Errorf("%q asks tier %s to %s, want %s", value, tier, got, want[i])
			}
		}
	}
}
