package sockets_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/sockets"
	"github.com/vmprobe/vmprobe/conformance/sockets/reference"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func wall(t *testing.T) {
	t.Helper()
	if os.Getenv("VMPROBE_REQUIRE_WALL") == "" {
		t.Skip("not run: it takes a minute of wall time and a machine that is not busy; VMPROBE_REQUIRE_WALL=1 runs it")
	}
}

// most bounds the cases of this file.
const most = 60 * time.Second

// both are the cases that the simulator and the sockets door can run in time.
func both(t *testing.T, b *sockets.Bed) []*scenarios.Case {
	t.Helper()
	return slices.DeleteFunc(cases(t), func(c *scenarios.Case) bool {
		return c.Until > most || b.Unsupported(c) != "" || len(b.Unclaimed(c)) > 0
	})
}

// all runs cases at once and gives their verdicts; a case without one is left
// out, and said.
func all(ctx context.Context, t *testing.T, b *sockets.Bed, list []*scenarios.Case) map[string]judge.Verdict {
	t.Helper()
	if err := b.Ready(ctx, list); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	verdicts := map[string]judge.Verdict{}
	for _, c := range list {
		running.Go(func() {
			tr, err := b.Run(ctx, c, 1)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
				return
			}
			v := judge.Judge(c, tr, judge.Options{})
			mu.Lock()
			defer mu.Unlock()
			if told(t, v) {
				verdicts[c.ID()] = v
			}
		})
	}
	running.Wait()
	return verdicts
}

// TestSameVerdictAsInProcess: the reference through this door, in one process
// and in many, comes to the verdict that it comes to in process.
func TestSameVerdictAsInProcess(t *testing.T) {
	wall(t)
	for _, alone := range []string{"", "1"} {
		t.Run("alone="+alone, func(t *testing.T) {
			b := bed(t, sockets.Config{Argv: prober("", "ALONE="+alone)})
			list := both(t, b)
			if len(list) < 90 {
				t.Errorf("only %d cases", len(list))
			}
			began := time.Now()
			got := all(t.Context(), t, b, list)
			if took := time.Since(began); took > most+30*time.Second {
				t.Errorf("all at once took %s, the longest takes %s", took, most)
			}
			for _, c := range list {
				tr, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
				if err != nil {
					t.Fatal(err)
				}
				want := judge.Judge(c, tr.Seen(trace.ViewGuest), judge.Options{})
				if v, ok := got[c.ID()]; ok && v.Result != want.Result {
					t.Errorf("%s: %s in process, %s through the door: %+v", c.ID(), want.Result, v.Result, v.Failures)
				}
			}
			t.Logf("%d cases, %d with a verdict", len(list), len(got))
			if len(got) < len(list)/2 {
				t.Error("most cases have no verdict: the machine is too busy for this test")
			}
		})
	}
}

// TestWrongProbersAreCaught: mutants that the simulator kills as the guest sees
// them are killed through this door by the same case, for the same requirement.
// All of them at once.
func TestWrongProbersAreCaught(t *testing.T) {
	wall(t)
	list := both(t, bed(t, sockets.Config{Argv: prober("")}))
	type pair struct {
		mutant mutants.Mutant
		c      *scenarios.Case
		bed    *sockets.Bed
	}
	var pairs []pair
	for _, m := range mutants.All() {
		if reference.Deviates(&m.Deviation) != "" || mutants.Invisible(m.Name) != "" {
			continue
		}
		if m.Requirement == "NET-MASQ-PORTS" {
			continue // what is forwarded is up to the suite, which has the network behind this door
		}
		if c := killer(t, m, list); c != nil {
			b := bed(t, sockets.Config{Argv: prober("", "MUTANT="+m.Name)})
			if err := b.Ready(t.Context(), []*scenarios.Case{c}); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, pair{m, c, b})
		}
	}
	if len(pairs) < 15 {
		t.Errorf("only %d mutants have a killer that is short enough", len(pairs))
	}
	var running sync.WaitGroup
	var verdicts atomic.Int64
	for _, p := range pairs {
		running.Go(func() {
			v, ok := all(t.Context(), t, p.bed, []*scenarios.Case{p.c})[p.c.ID()]
			if !ok {
				return
			}
			verdicts.Add(1)
			if !breaks(v, p.mutant.Requirement) {
				t.Errorf("%s, which breaks %s, is not caught by %s: %s %+v", p.mutant.Name, p.mutant.Requirement, p.c.ID(), v.Result, v.Failures)
			}
		})
	}
	running.Wait()
	t.Logf("%d mutants, %d with a verdict", len(pairs), verdicts.Load())
	if int(verdicts.Load()) < len(pairs)/2 {
		t.Error("most mutants have no verdict: the machine is too busy for this test")
	}
}

// killer is a case that kills a mutant in the simulator, for the requirement
// that it breaks. Manifests that the API rejects reach no prober.
func killer(t *testing.T, m mutants.Mutant, list []*scenarios.Case) *scenarios.Case {
	t.Helper()
	for _, c := range list {
		if len(c.Rejected) > 0 || !slices.Contains(c.Kills, m.Name) {
			continue
		}
		tr, err := simbed.Bed{Bare: true, Deviation: &m.Deviation}.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if breaks(judge.Judge(c, tr.Seen(trace.ViewGuest), judge.Options{}), m.Requirement) {
			return c
		}
	}
	return nil
}

func breaks(v judge.Verdict, requirement string) bool {
	return slices.ContainsFunc(v.Failures, func(f judge.Failure) bool { return strings.HasPrefix(f.Requirement, requirement) })
}
