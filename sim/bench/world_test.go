package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// The probe of the scenario as a manifest has it; period and timeout are those
// of the constants, the thresholds the defaults.
const manifest = `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: vm}
spec:
  runStrategy: Always
  template:
    spec:
      domain: {devices: {}, resources: {requests: {memory: 512Mi}}}
      readinessProbe: {httpGet: {port: 80, path: /healthz}, periodSeconds: 10, timeoutSeconds: 1}
`

// runWorld runs the scenario in the world that vmprobe runs its cases in: the
// engine with its thresholds, the platform around it, guests by their scripts,
// an event for everything that happens. A guest answers after a latency of its
// own, always the same.
func runWorld(virtual time.Duration) (attempts, good int) {
	c, err := world(virtual)
	if err != nil {
		panic(err)
	}
	var sink tally
	if err := (simbed.Bed{Bare: true}).Play(context.Background(), c, 1, &sink); err != nil {
		panic(err)
	}
	return sink.attempts, sink.good
}

func world(virtual time.Duration) (*scenarios.Case, error) {
	machines, err := spec.Decode([]byte(manifest))
	if err != nil {
		return nil, err
	}
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	c := &scenarios.Case{Scenario: "bench", Profile: profile, Until: virtual, ProberAge: time.Hour}
	resolved := machines[0].Resolve(profile)
	for vm := range VMs {
		reply := fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "ok", Delay: latency(vm, 0)}}
		c.VMs = append(c.VMs, scenarios.VM{
			Name: fmt.Sprintf("vm-%d", vm), Machine: machines[0], Resolved: resolved,
			EveryBoot: fakevm.Program{Endpoints: []fakevm.Endpoint{
				{Kind: fakevm.HTTP, Port: 80, Steps: []fakevm.Step{{Replies: []fakevm.Counted{{Reply: reply}}}}},
			}},
		})
	}
	return c, nil
}

// tally is a sink that counts.
type tally struct{ attempts, good int }

func (t *tally) Record(e trace.Event) {
	if e.Kind == trace.AttemptFinished {
		t.attempts++
		if e.Class == probes.Success {
			t.good++
		}
	}
}
