package kubelet

import (
	"testing"

	"github.com/vmprobe/vmprobe/conformance"
)

// The kubelet's prober, untouched, passes every case of the profile that is
// named after it, with its own workers, handlers and dialers: none is excepted.
func TestKubeletPassesItsProfile(t *testing.T) {
	conformance.Test(t, kubelets(), conformance.Profiles("kubernetes"), conformance.Seeds(1, 5),
		conformance.Overlay(), conformance.ClockSteps())
}
