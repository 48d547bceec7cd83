package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// trouble is a mistake that a new prober is likely to make: a mutant, and what
// its author would have to change.
type trouble struct{ mutant, fix string }

// troubles are the twenty most likely ones, the likeliest first.
func troubles() []trouble {
	return []trouble{
		{"flip-on-first-failure", "Count failures in a row and turn when the count reaches `failureThreshold`; the default is 3."},
		{"failure-threshold-plus-one", "The failure that reaches the threshold decides, not the one after it: compare with `>=`."},
		{"failures-accumulate", "A success sets the count of failures to 0, and a failure that of successes."},
		{"success-threshold-ignored", "After a failure `successThreshold` successes in a row are needed, at the start as well."},
		{"sticky-ready", "Go on probing a container that is ready, and publish `ready` with `ok: false` when it fails."},
		{"starts-ready", "A container that was never probed is not ready: publish `ok: false` when it starts, or nothing."},
		{"starts-dead", "Liveness begins alive: publish `ok: true` when the container starts, or nothing."},
		{"no-initial-delay", "Wait `initialDelaySeconds` after `startedNs` of the container before the first attempt."},
		{"no-retry", "An attempt that errs is tried again at once, three tries in all (one in profile `openshift-doc`): `retry` of its result is true."},
		{"default-period-30", "A period that is absent or 0 means 10 s. Read the other defaults, too: timeout 1 s, thresholds 3 and 1."},
		{"period-from-completion", "Attempts start a period apart; how long one takes does not move the next."},
		{"no-timeout", "Give each exchange a `timeoutNs` of `timeoutSeconds`, and count what it ends as a failure."},
		{"http-only-200-is-success", "Every status from 200 to 399 passes."},
		{"http-never-follows", "Follow redirects that stay on the host, ten requests at most."},
		{"http-follows-cross-host", "A redirect to another host is not followed: it passes, with class `warning`."},
		{"http-body-error-fails", "A body that breaks off or never ends is class `error`, whatever the status says: it is tried again, and counts for nothing."},
		{"error-counts-as-failure", "Throw results of class `error` away: they neither count nor break a run."},
		{"tcp-refused-is-discarded", "A connection that is refused or times out is class `failure`, never `error`."},
		{"probes-on-hold", "After `liveFailed` the container is not probed any more: wait for the next one."},
		{"startup-does-not-gate", "Start neither readiness nor liveness before the startup probe of the same container has passed."},
	}
}

// whyFailed runs each of the mistakes behind the lockstep door, on the smallest
// case that notices it, and shows what the report shows.
func whyFailed(*facts) (string, error) {
	files, err := suite.Load(nil, nil)
	if err != nil {
		return "", err
	}
	cases, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		return "", fmt.Errorf("the embedded scenarios do not load: run vmprobe lint")
	}
	slices.SortStableFunc(cases, func(a, b *scenarios.Case) int { return cmp.Compare(a.Until, b.Until) })
	var b strings.Builder
	var errs []error
	for _, t := range troubles() {
		list, err := mutants.Select([]string{t.mutant})
		if err != nil {
			return "", err
		}
		m := &list[0]
		c, f, err := shown(m, cases)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n`%s`, in case `%s`:\n\n", headline(m.Wrong), m.Name, c.ID())
		fmt.Fprintf(&b, "```text\n%s  %s\n", f.Requirement, oneLine(f.Message))
		if f.Want != "" {
			fmt.Fprintf(&b, "want  %s\n", oneLine(f.Want))
		}
		fmt.Fprintf(&b, "```\n\n%s\n\n", t.fix)
	}
	return b.String(), errors.Join(errs...)
}

// shown is the shortest case that claims to catch a mutant and names the
// requirement that it breaks, and what it says.
func shown(m *mutants.Mutant, cases []*scenarios.Case) (*scenarios.Case, *judge.Failure, error) {
	ctx := context.Background()
	bed, err := lockstep.New(ctx, lockstep.Config{
		Start: lockstep.Local(func() protocol.Prober { return &reference.Prober{Deviation: &m.Deviation} }),
	})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range cases {
		if !slices.Contains(c.Kills, m.Name) {
			continue
		}
		o := suite.Outcome{Job: suite.Job{Case: c, Seed: 1}}
		o.Trace, o.Err = bed.Run(ctx, c, 1)
		v := campaign.Judge(o)
		i := slices.IndexFunc(v.Failures, func(f judge.Failure) bool { return f.Requirement == m.Requirement })
		if v.Result == judge.Fail && i >= 0 {
			return c, &v.Failures[i], nil
		}
	}
	return nil, nil, fmt.Errorf("no case catches %s through the door for %s", m.Name, m.Requirement)
}

// headline begins with a capital, unless its first word is the name of a field.
func headline(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if strings.ToLower(first) != first {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
