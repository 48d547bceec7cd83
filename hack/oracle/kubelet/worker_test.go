package kubelet

import (
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmprobe/vmprobe/conformance/mutants"
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
				if e.at%quantum%block >= onSync {
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

// unseen are the mutants of engine and driver that no plan can show, each with
// the reason.
var unseen = map[string]string{
	"stopped-keeps-state":       "the kubelet tells of a stopped container with its next tick, ours at once: only what follows from attempts is compared",
	"no-warning-event":          "an exec probe has no warnings",
	"delay-anew-with-prober":    restarts,
	"prober-restart-flips":      restarts,
	"startup-goes-on":           restarts, // a worker that has seen the verdict is on hold
	"no-delay-after-restart":    successors,
	"new-instance-unprobed":     successors,
	"migration-target-unprobed": successors,
}

const (
	restarts   = "the kubelet draws the delays of a young prober from a generator without a seed"
	successors = "another pod is another worker; a plan has one pod a VM"
)

// Every mutant of the worker is seen by the comparison alone.
func TestMutantsOfTheWorkerAreSeen(t *testing.T) {
	var plans []*plan
	var logs [][]entry
	for seed := uint64(1); seed <= 4; seed++ {
		plans = append(plans, newPlan(seed, 40, time.Hour))
		logs = append(logs, kubelet(t, plans[seed-1]))
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
