package simbed_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// counter counts attempts and forgets the rest.
type counter struct{ attempts int }

func (c *counter) Record(e trace.Event) {
	if e.Kind == trace.AttemptFinished {
		c.attempts++
	}
}

// fleet is a case with n VMs of an HTTP readiness and a TCP liveness probe.
func fleet(tb testing.TB, n int, until time.Duration) *scenarios.Case {
	tb.Helper()
	machines, err := spec.Decode([]byte(`
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  template:
    spec:
      domain: {devices: {}, resources: {requests: {memory: 512Mi}}}
      readinessProbe: {httpGet: {port: 8080, path: /healthz}}
      livenessProbe: {tcpSocket: {port: 22}}
`))
	if err != nil {
		tb.Fatal(err)
	}
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	c := &scenarios.Case{Scenario: "fleet", Profile: profile, Until: until, ProberAge: time.Hour}
	one := func(r fakevm.Reply) []fakevm.Step {
		return []fakevm.Step{{Replies: []fakevm.Counted{{Reply: r}}}}
	}
	for i := range n {
		c.VMs = append(c.VMs, scenarios.VM{
			Name: fmt.Sprintf("web-%04d", i), Machine: machines[0], Resolved: machines[0].Resolve(profile),
			EveryBoot: fakevm.Program{Endpoints: []fakevm.Endpoint{
				{Kind: fakevm.HTTP, Port: 8080, Steps: one(fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "ok", Delay: 5 * time.Millisecond}})},
				{Kind: fakevm.TCP, Port: 22, Steps: one(fakevm.Reply{TCP: &fakevm.TCPReply{}})},
			}},
		})
	}
	return c
}

// BenchmarkAttempts is the throughput of the whole simulated world, real HTTP
// bytes included. The floor is 350,000 attempts a second on one core.
func BenchmarkAttempts(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) {
			c := fleet(b, n, time.Duration(max(1000/n, 1))*time.Minute)
			var sink counter
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if err := (simbed.Bed{Bare: true}).Play(b.Context(), c, 7, &sink); err != nil {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(sink.attempts)/b.Elapsed().Seconds(), "attempts/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(sink.attempts), "allocs/attempt")
		})
	}
}
