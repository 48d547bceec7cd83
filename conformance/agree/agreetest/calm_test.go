package agreetest

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// TestCalmSeeds: the cases that run on real VMs leave their guests time.
func TestCalmSeeds(t *testing.T) {
	const least = 350 * time.Millisecond
	for _, c := range scenariotest.Files(t, "../../qemu/testdata/cases/*.yaml", "../../libvirt/testdata/cases/*.yaml", "../../libvirt/testdata/watchdog/*.yaml") {
		seed, margin, err := calmSeed(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: seed %d, %v", c.ID(), seed, margin)
		if margin < least {
			t.Errorf("%s: seed %d leaves %v from an attempt to a change of the guest, want %v", c.ID(), seed, margin, least)
		}
	}
}
