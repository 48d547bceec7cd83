// Package propose writes a first scenario for a manifest, and proves it before
// anybody sees it: lint finds nothing, the prober of vmprobe passes at several
// seeds, and the wrong probers that it claims to catch are caught.
package propose

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/draft"
)

const (
	// seeds is how many seeds the proof takes, as that of every claim.
	seeds = 5
	// claims is how many wrong probers a scenario claims to catch.
	claims = 6
)

// suspects are wrong probers that a first scenario may catch, the most telling
// ones in front: mistakes of thresholds, states, delays and handlers that people
// have made. All three hundred would take long, and say no more.
func suspects() []string {
	return []string{
		"sticky-ready", "liveness-ignored", "flip-on-first-failure", "failure-threshold-plus-one",
		"http-any-answer-is-success", "tcp-refused-is-discarded", "agent-absent-is-success", "exec-exit-1-is-discarded",
		"starts-ready", "no-initial-delay", "readiness-kills", "startup-does-not-gate", "success-threshold-ignored",
		"success-threshold-plus-one", "leaks-below-threshold", "starts-dead", "first-result-decides", "thresholds-swapped",
		"http-refused-is-discarded", "agent-failure-is-discarded", "tcp-expects-data", "retries-failures", "repeats-its-state",
	}
}

// ErrUnproved is the error of a story that does not hold: a mistake of this
// package, or a manifest that it does not understand.
var ErrUnproved = errors.New("no story for these probes holds at every seed")

// Scenario is a proved scenario about machines, as [draft.Scenario] writes it,
// and what it catches.
func Scenario(ctx context.Context, manifests []byte, machines []*spec.Machine, o draft.Options) (text []byte, kills []string, err error) {
	if text, err = draft.Scenario(manifests, machines, o); err != nil {
		return nil, nil, err
	}
	bare, err := load(text, o.Name, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := passes(ctx, bare); err != nil {
		return nil, nil, err
	}
	if o.Kills, err = caught(ctx, bare); err != nil {
		return nil, nil, err
	}
	if len(o.Kills) == 0 {
		return nil, nil, fmt.Errorf("%w: it would catch no wrong prober", ErrUnproved)
	}
	if text, err = draft.Scenario(manifests, machines, o); err != nil {
		return nil, nil, err
	}
	_, err = load(text, o.Name, o.Kills)
	return text, o.Kills, err
}

// load reads the text and holds it to lint, warnings included, but for the one
// that claims are missing.
func load(text []byte, name string, kills []string) ([]*scenarios.Case, error) {
	file := name + ".yaml"
	f, list := scenarios.Load(file, text, scenarios.Options{Requirements: requirements.IDs(), Mutants: mutants.Names()})
	cases, more := f.Cases(nil)
	if list = append(list, more...); !list.HasErrors() {
		list = append(list, scenarios.Lint(f)...)
	}
	list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Code == diag.NoKills && kills == nil })
	if len(list) > 0 {
		var said strings.Builder
		_ = diag.WriteText(&said, list.Sort(), diag.Sources{file: text}) // a Builder does not fail
		return nil, fmt.Errorf("%w: lint says\n%s", ErrUnproved, said.String())
	}
	return cases, nil
}

// passes runs the cases at every seed.
func passes(ctx context.Context, cases []*scenarios.Case) error {
	var jobs []suite.Job
	for _, c := range cases {
		for seed := uint64(1); seed <= seeds; seed++ {
			jobs = append(jobs, suite.Job{Case: c, Seed: seed})
		}
	}
	c := campaign.Campaign{Bed: simbed.Bed{}, Parallel: 1}
	for _, r := range c.Run(ctx, jobs) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Result != judge.Pass {
			return fmt.Errorf("%w: %s", ErrUnproved, r.Text())
		}
	}
	return nil
}

// caught are the first suspects that fail at every seed.
func caught(ctx context.Context, cases []*scenarios.Case) ([]string, error) {
	var kills []string
	for names := range slices.Chunk(suspects(), 2*claims) {
		list, err := mutants.Select(names)
		if err != nil {
			return nil, err
		}
		m, err := mutants.Run(ctx, list, cases, mutants.Options{Seeds: seeds, Parallel: runtime.GOMAXPROCS(0)})
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			killed := slices.ContainsFunc(m.Rows, func(r mutants.Row) bool { return r.Mutant == name && r.Killed })
			if killed && len(kills) < claims {
				kills = append(kills, name)
			}
		}
		if len(kills) == claims {
			break
		}
	}
	return kills, nil
}
