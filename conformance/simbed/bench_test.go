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
	"github.com/vmprobe/vmprobe/sim/bench"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// counter counts attempts and forgets the rest.
type counter struct{ attempts int }

func (c *counter) Record(e trace.Event) {
	if e.Kind == trace.AttemptFinished {
		c.attempts++
	}
}

// The probes of a VM, as they stand in its manifest.
const (
	httpProbe = "readinessProbe: {httpGet: {port: 8080, path: /healthz}}"
	tcpProbe  = "livenessProbe: {tcpSocket: {port: 22}}"
	pingProbe = "livenessProbe: {guestAgentPing: {}}"
)

// fleet is a case with n VMs of these probes, named from number first on,
// whose guests are well: HTTP answers after 5 ms.
func fleet(tb testing.TB, first, n int, until time.Duration, list ...string) *scenarios.Case {
	tb.Helper()
	manifest := `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  template:
    spec:
      domain: {devices: {}, resources: {requests: {memory: 512Mi}}}
`
	for _, probe := range list {
		manifest += "      " + probe + "\n"
	}
	machines, err := spec.Decode([]byte(manifest))
	if err != nil {
		tb.Fatal(err)
	}
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	c := &scenarios.Case{Scenario: "fleet", Profile: profile, Until: until, ProberAge: time.Hour}
	one := func(r fakevm.Reply) []fakevm.Step {
		return []fakevm.Step{{Replies: []fakevm.Counted{{Reply: r}}}}
	}
	program := fakevm.Program{Endpoints: []fakevm.Endpoint{
		{Kind: fakevm.HTTP, Port: 8080, Steps: one(fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "ok", Delay: 5 * time.Millisecond}})},
		{Kind: fakevm.TCP, Port: 22, Steps: one(fakevm.Reply{TCP: &fakevm.TCPReply{}})},
		{Kind: fakevm.Agent, Steps: one(fakevm.Reply{Agent: &fakevm.AgentReply{}})},
	}}
	resolved := machines[0].Resolve(profile)
	for i := range n {
		c.VMs = append(c.VMs, scenarios.VM{
			Name: fmt.Sprintf("web-%06d", first+i), Machine: machines[0], Resolved: resolved, EveryBoot: program,
		})
	}
	return c
}

// costs is what a stretch of work took: begin, work, report.
type costs struct {
	before runtime.MemStats
	cpu    time.Duration
}

func begin() *costs {
	c := &costs{cpu: bench.CPUTime()}
	runtime.ReadMemStats(&c.before)
	return c
}

// report gives rates by the wall and by the processor's clock, and what was
// allocated for each attempt.
func (c *costs) report(b *testing.B, attempts int) {
	b.Helper()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	n := float64(attempts)
	b.ReportMetric(n/b.Elapsed().Seconds(), "att/s")
	if cpu := bench.CPUTime() - c.cpu; cpu > 0 {
		b.ReportMetric(n/cpu.Seconds(), "att/cpu-s")
	}
	b.ReportMetric(float64(after.Mallocs-c.before.Mallocs)/n, "allocs/att")
	b.ReportMetric(float64(after.TotalAlloc-c.before.TotalAlloc)/n, "B/att")
}

// BenchmarkAttempts is the throughput of the whole simulated world: the engine,
// the platform, guests and an HTTP readiness and a TCP liveness probe with real
// bytes. The floor is 350,000 attempts a second of one core and 11 allocations
// an attempt, the goal 1,000,000 and 2. (1,000 VMs live for ten minutes only,
// so there the making of VMs counts.)
func BenchmarkAttempts(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) {
			until := time.Duration(max(10_000/n, 10)) * time.Minute
			benchmarkPlay(b, fleet(b, 0, n, until, httpProbe, tcpProbe))
		})
	}
}

// BenchmarkHandlers tells the handlers apart.
func BenchmarkHandlers(b *testing.B) {
	for _, h := range []struct{ name, probe string }{{"http", httpProbe}, {"tcp", tcpProbe}, {"ping", pingProbe}} {
		b.Run(h.name, func(b *testing.B) {
			benchmarkPlay(b, fleet(b, 0, 100, 100*time.Minute, h.probe))
		})
	}
}

func benchmarkPlay(b *testing.B, c *scenarios.Case) {
	b.Helper()
	var sink counter
	cost := begin()
	for b.Loop() {
		if err := (simbed.Bed{Bare: true}).Play(b.Context(), c, 7, &sink); err != nil {
			b.Fatal(err)
		}
	}
	cost.report(b, sink.attempts)
}
