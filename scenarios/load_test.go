package scenarios_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// run happened: a runtime for tests.
type run map[string]time.Duration

func (r run) Instant(vm string, m scenarios.Moment, n int) (time.Duration, bool) {
	d, ok := r[vm+" "+string(m)+"#"+string(rune('0'+n))]
	return d, ok
}

const twoVMs = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: front-end}
spec:
  domain: {devices: {}}
  readinessProbe: {httpGet: {port: 80}, initialDelaySeconds: 5, periodSeconds: 20, timeoutSeconds: 3}
  livenessProbe: {guestAgentPing: {}, timeoutSeconds: 2, periodSeconds: 30}
  terminationGracePeriodSeconds: 7
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: db}
spec:
  domain: {devices: {}}
  readinessProbe: {tcpSocket: {port: 22}}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: two}
spec:
  title: two
  requirements: [THR-SUCCESS]
  until: 900s
  vary: {status: [200, 204], cut: {long: 60s}}
  guests:
    front-end:
      domainDelay: 4s
      http/80: [{reply: $status}, {at: 300s, reply: {redirect: /x}, as: moved}, {at: 400s, reply: 200}]
      everyBoot: {agent: [{reply: ok}, {at: 50s, reply: down, as: agentGone}, {at: 90s, reply: ok}]}
    db:
      tcp/22: [{replies: [refused x2, {connect: 5ms, times: 3}, ok ...]}]
  faults: [{at: 100s, for: $cut, partition: [prober, db], as: cut}]
  let: {both: one + one, one: "max(period, 2s)"}
  expect:
    front-end:
      ready: [false, {to: true, in: [moved + agentGone#2 - agentGone#2 + both, moved.end + cut + cut.end]}]
`

func load(t *testing.T, text string) *scenarios.File {
	t.Helper()
	f, list := scenarios.Load("-", []byte(text), scenarios.Options{})
	if list.HasErrors() {
		t.Fatal(rendered(t, list, "-", []byte(text)))
	}
	return f
}

func TestCases(t *testing.T) {
	f := load(t, twoVMs)
	cases, list := f.Cases(nil)
	var ids []string
	for _, c := range cases {
		ids = append(ids, c.ID())
	}
	want := []string{ // the agent does not exist in the kubernetes profile
		"two[cut=long,status=200]@openshift-doc", "two[cut=long,status=200]@kubevirt-legacy", "two[cut=long,status=200]@kubevirt",
		"two[cut=long,status=204]@openshift-doc", "two[cut=long,status=204]@kubevirt-legacy", "two[cut=long,status=204]@kubevirt",
	}
	if diff := cmp.Diff(want, ids); diff != "" || len(list) > 0 {
		t.Error(diff, list)
	}
	some, _ := f.Cases([]probes.ProfileName{probes.KubeVirt, probes.Kubernetes})
	if len(some) != 2 || some[0].Profile.Name != probes.KubeVirt {
		t.Errorf("%d cases in kubevirt", len(some))
	}
	if _, list := f.Cases([]probes.ProfileName{"kubvirt"}); !list.HasErrors() || list[0].Help != `did you mean "kubevirt"?` {
		t.Errorf("%v", list)
	}
	c := cases[3]
	if got := c.VMs[0].Program.Endpoints[0].Steps[0].Replies[0].Reply.HTTP.Status; got != 204 {
		t.Errorf("status %d in %s", got, c.ID())
	}
	if got := c.VMs[1].Program.Endpoints[0].Steps[0].Replies; len(got) != 3 || got[1].Times != 3 || got[2].Times != 0 {
		t.Errorf("replies %+v", got)
	}
	if h := c.VMs[0].Program.Endpoints[0].Steps[1].Replies[0].Reply.HTTP; h.Status != 302 || h.Headers[0] != (probes.Header{Name: "Location", Value: "/x"}) {
		t.Errorf("redirect %+v", h)
	}
	if diff := cmp.Diff([]string{"guest-agent-ping"}, c.Features); diff != "" {
		t.Error(diff)
	}
	if c.Faults[0].For != time.Minute || c.VMs[0].DomainDelay != 4*time.Second || c.ProberAge != scenarios.OldProber {
		t.Errorf("%+v", c.Faults[0])
	}
}

func TestNames(t *testing.T) {
	cases, _ := load(t, twoVMs).Cases([]probes.ProfileName{probes.KubeVirt})
	c := cases[0]
	happened := run{
		"front-end boot#1": 5 * time.Second, "front-end boot#2": 500 * time.Second, "db readiness#3": 42 * time.Second,
		"front-end ready#1": time.Minute,
	}
	for _, n := range []struct {
		name, want string
		use        scenarios.Use
		static     string // empty: the same
	}{
		{"initialDelay", "15s", scenarios.UseReadiness, ""}, // 5 + 10 of KubeVirt
		{"initialDelay", "10s", scenarios.UseLiveness, ""},
		{"period", "20s", scenarios.UseReadiness, ""},
		{"liveness.period", "30s", scenarios.UseReadiness, ""},
		{"period", "none", scenarios.UseOnly, ""}, // which of the two?
		{"db.period", "10s", scenarios.UseOnly, ""},
		{"db.readiness.timeout", "1s", scenarios.UseLiveness, ""},
		{"frontEnd.readiness.timeout", "3s", scenarios.UseLiveness, ""},
		{"failureThreshold", "3", scenarios.UseReadiness, ""},
		{"tries", "3", scenarios.UseReadiness, ""},
		{"delayExtra", "10s", scenarios.UseReadiness, ""},
		{"terminationGracePeriod", "7s", scenarios.UseReadiness, ""},
		{"hang", "3s", scenarios.UseReadiness, ""}, // HTTP: the timeout
		{"hang", "3s", scenarios.UseLiveness, ""},  // agent: T+1, less than libvirt's 5 s
		{"moved", "5m0s", scenarios.UseReadiness, ""},
		{"moved.end", "6m40s", scenarios.UseReadiness, ""},
		{"cut", "1m40s", scenarios.UseReadiness, ""},
		{"cut.end", "2m40s", scenarios.UseReadiness, ""},
		{"agentGone#1", "55s", scenarios.UseReadiness, "54s"}, // before a run: the domain delay
		{"agentGone#1.end", "1m35s", scenarios.UseReadiness, "1m34s"},
		{"agentGone#2", "9m10s", scenarios.UseReadiness, "none"},
		{"agentGone#3", "none", scenarios.UseReadiness, ""},
		{"agentGone", "none", scenarios.UseReadiness, ""},
		{"both", "40s", scenarios.UseReadiness, ""},
		{"both", "1m0s", scenarios.UseLiveness, ""},
		{"ready#1", "1m0s", scenarios.UseReadiness, "none"},
		{"db.readiness#3", "42s", scenarios.UseReadiness, "none"},
		{"readiness#3", "none", scenarios.UseReadiness, ""},
		{"container#1", "none", scenarios.UseReadiness, "0s"},
		{"nonsense", "none", scenarios.UseReadiness, ""},
		{"startup.period", "none", scenarios.UseReadiness, ""},
	} {
		show := func(names scenarios.Names) string {
			if v, ok := names.Lookup(n.name); ok {
				return v.String()
			}
			return "none"
		}
		if got := show(c.Names("front-end", n.use, happened)); got != n.want {
			t.Errorf("%s (use %d) = %s, want %s", n.name, n.use, got, n.want)
		}
		if n.static == "" {
			n.static = n.want
		}
		if got := show(c.StaticNames("front-end", n.use)); got != n.static {
			t.Errorf("%s (use %d) before a run = %s, want %s", n.name, n.use, got, n.static)
		}
	}
}

// TestExpectIn: fields given for a profile replace those of expect, others
// stay; items with profiles count in those only.
func TestExpectIn(t *testing.T) {
	text := strings.ReplaceAll(twoVMs, "  expect:\n", `  expectIn: {kubevirt: {db: {ready: [false], restarts: none}}}
  rejected: [{message: nothing, profiles: [kubevirt-legacy]}]
  expect:
    db:
      ready: [false, {to: true, after: readiness#3}, {to: false, after: readiness#9, profiles: [openshift-doc]}]
      attempts: {readiness: [F x2, S ...]}
`)
	cases, _ := load(t, text).Cases(nil)
	for _, c := range cases[:3] {
		db := c.Expect["db"]
		if (len(c.Rejected) > 0) != (c.Profile.Name == probes.KubeVirtLegacy) || (db == nil) != (len(c.Rejected) > 0) {
			t.Errorf("%s: rejected %v, expected %v", c.ID(), c.Rejected, db)
		}
		if db == nil {
			continue
		}
		changes := map[probes.ProfileName]int{probes.OpenShiftDoc: 2, probes.KubeVirt: 0}[c.Profile.Name]
		if len(db.Ready.Changes) != changes || (db.Restarts != nil) != (c.Profile.Name == probes.KubeVirt) || len(db.Attempts) != 1 {
			t.Errorf("%s: %+v", c.ID(), db)
		}
	}
}
