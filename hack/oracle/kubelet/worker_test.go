package kubelet

import (
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/probes"
)

var attempts = flag.Int("attempts", 100_000, "compare at least so many attempts")

// kubelet runs a plan in a bubble.
func kubelet(t *testing.T, p *plan) (log []entry) {
	t.Helper()
	quiet()
	synctest.Test(t, func(*testing.T) { log = runTheirs(p) })
	return log
}

// The kubelet's prober and our engine do the same, line by line and in the
// same order: try by try, state by state.
func TestWorkerIsTheKubelets(t *testing.T) {
	var seen struct{ attempts, tries, states, late, triggered, kills, startups int }
	began := time.Now()
	seeds := 0
	for ; seen.attempts < *attempts; seeds++ {
		p := newPlan(uint64(seeds+1), 40, time.Hour)
		mine, err := runOurs(p, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs := kubelet(t, p)
		if text := parted(mine, theirs); text != "" {
			t.Fatalf("seed %d: %s", seeds+1, text)
		}
		ends := map[[2]int]time.Duration{}
		for _, e := range theirs {
			who := [2]int{e.pod, e.slot}
			switch e.what {
			case tryStarted:
				seen.tries++
				if e.try == 1 {
					seen.attempts++
				}
				if e.try == 1 && ends[who] == e.at {
					seen.late++ // at once after another one: a latched tick, or a sync that waited
				}
				if len(p.restarts) == 0 && e.at%quantum%block >= onSync { // afterwards phases say nothing
					seen.triggered++
				}
			case tryFinished:
				ends[who] = e.at
			case stateChanged:
				seen.states++
				kind := p.pods[e.pod].probes[e.slot].Kind.String()
				if kind != "readiness" && !e.healthy {
					seen.kills++
				}
				if kind == "startup" && e.healthy {
					seen.startups++
				}
			}
		}
	}
	took := time.Since(began)
	t.Logf("%d attempts (%d tries), %d changes of state alike, of %d plans in %v: %.0f attempts a second",
		seen.attempts, seen.tries, seen.states, seeds, took.Round(time.Millisecond), float64(seen.attempts)/took.Seconds())
	t.Logf("among them %d at once after another, %d in the phase of a sync, %d kills, %d startups",
		seen.late, seen.triggered, seen.kills, seen.startups)
	for what, n := range map[string]int{
		"latched ticks": seen.late, "triggers": seen.triggered, "kills": seen.kills, "startups": seen.startups,
		"tries again": seen.tries - seen.attempts,
	} {
		if n < 100 {
			t.Errorf("only %d %s: the plans do not try what they should", n, what)
		}
	}
}

// The differences that the plans keep from the logs are there.
func TestKnownDifferences(t *testing.T) {
	for name, tt := range map[string]struct {
		first uint64 // seed; the next ones are two apart
		show  func(p *plan)
	}{
		"young":   {2, func(p *plan) { p.literal.young = true }},
		"verdict": {1, func(p *plan) { p.literal.verdict = true; deleteInVerdict(t, p) }},
		"startup": {1, func(p *plan) {
			for i := range p.pods {
				one := &p.pods[i]
				if one.deleted = 0; one.probes[0].Kind == probes.Startup && len(one.probes) > 1 && !one.slow {
					one.deleted = align(one.start+time.Second, residue(i, onDelete))
				}
			}
		}},
	} {
		text := ""
		for seed := tt.first; seed < tt.first+10 && text == ""; seed += 2 {
			p := newPlan(seed, 40, time.Hour)
			tt.show(p)
			mine, err := runOurs(p, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			text = parted(mine, kubelet(t, p))
		}
		if text == "" {
			t.Errorf("%s: they do the same; the difference is none any more", name)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(text), "  before")
		t.Logf("%s: %s", name, line)
	}
}

// deleteInVerdict deletes a pod during the attempt with which liveness would fail.
func deleteInVerdict(t *testing.T, p *plan) {
	t.Helper()
	log, err := runOurs(p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := map[[2]int]time.Duration{}
	for _, e := range log {
		one, who := &p.pods[e.pod], [2]int{e.pod, e.slot}
		if e.what == tryStarted {
			began[who] = e.at
		}
		at := align(began[who], residue(e.pod, onDelete))
		if e.what == stateChanged && !e.healthy && one.probes[e.slot].Kind == probes.Liveness &&
			one.probes[0].Kind != probes.Startup && !one.slow && at < e.at && (one.deleted == 0 || e.at < one.deleted) {
			one.deleted = at
			return
		}
	}
	t.Fatal("no liveness fails")
}

// unseen are the mutants of engine and driver that no plan can show, each with
// the reason.
var unseen = map[string]string{
	"stopped-keeps-state":       "the kubelet tells of a stopped container with its next tick, ours at once: only what follows from attempts is compared",
	"no-warning-event":          "an exec probe has no warnings",
	"no-delay-after-restart":    successors,
	"new-instance-unprobed":     successors,
	"migration-target-unprobed": successors,
}

const (
	successors = "another pod is another worker; a plan has one pod a VM"
)

// Every mutant of the worker is seen by the comparison alone.
func TestMutantsOfTheWorkerAreSeen(t *testing.T) {
	var plans []*plan
	var logs [][]entry
	for seed := uint64(1); seed <= 8; seed++ {
		plans = append(plans, newPlan(seed, 40, time.Hour))
		logs = append(logs, kubelet(t, plans[seed-1]))
		lawful, err := runOurs(plans[seed-1], nil, nil)
		if text := parted(lawful, logs[seed-1]); err != nil || text != "" {
			t.Fatalf("seed %d without a mutant: %v, %s", seed, err, text)
		}
	}
	found := 0
	for _, m := range mutants.All() {
		d := m.Deviation
		if d.Engine == nil && d.Prober == nil {
			continue
		}
		killed := ""
		for i, p := range plans {
			mine, err := runOurs(p, d.Engine, d.Prober)
			if err != nil {
				t.Fatal(err)
			}
			if killed = parted(mine, logs[i]); killed != "" {
				break
			}
		}
		reason, exempt := unseen[m.Name]
		switch {
		case killed == "" && !exempt:
			t.Errorf("%s (%s: %s) is not seen", m.Name, m.Requirement, m.Wrong)
		case killed != "" && exempt:
			t.Errorf("%s is seen, although %s", m.Name, reason)
		case killed != "":
			found++
			line, _, _ := strings.Cut(killed, "\n")
			t.Logf("%s: %s", m.Name, line)
		}
	}
	t.Logf("%d mutants seen, %d out of reach", found, len(unseen))
}
