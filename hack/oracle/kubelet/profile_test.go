package kubelet

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance"
	"github.com/vmprobe/vmprobe/scenarios"
)

// The kubelet's prober passes the whole profile that is named after it, with
// its own HTTP and exec handlers.
func TestKubeletPassesItsProfile(t *testing.T) {
	conformance.Test(t, newKubelet, conformance.Profiles("kubernetes"), conformance.Hook(reach),
		conformance.Lacks(young), conformance.Failing(known))
}

// young tells of cases with a young prober.
func young(c *scenarios.Case) string {
	const reason = "the kubelet draws the delays of a young prober from a generator without a seed, " +
		"and leaves the residues by which its workers are told apart"
	for _, e := range c.Events {
		if e.Kind == scenarios.RestartProber {
			return reason
		}
	}
	if c.ProberAge < time.Minute {
		return reason
	}
	return ""
}

// known are the cases that the kubelet fails, each with the reason.
var known = map[string]string{
	"http-named-port-unknown@kubernetes":    beforeHandler,
	"validate-port-unknown-name@kubernetes": beforeHandler,
}

const beforeHandler = "a try that errs before its handler is asked is not seen by the wrappers, and not told"
