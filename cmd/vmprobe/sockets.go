package main

import (
	"context"
	"fmt"
	"io"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/sockets"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// executeSockets runs the jobs against a prober behind the sockets door, all
// at once unless the user says otherwise.
func (f *conformanceFlags) executeSockets(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job, allAtOnce bool) error {
	if _, err := f.bounded(streams{err: io.Discard}, jobs); err != nil {
		return err
	}
	nonce, err := f.nonce(f.Seed)
	if err != nil {
		return err
	}
	b, err := sockets.New(ctx, sockets.Config{
		Argv: f.argv, Timeout: f.timeout, Tool: campaign.Version(), Nonce: nonce, Longest: f.longest,
	})
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	defer b.Close() //nolint:errcheck // the verdict stands; what is left is killed
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	f.put(c, b)
	c.Mode, f.still = report.Wall, f.unchanged
	if allAtOnce {
		f.parallel = len(jobs)
		cases := make([]*scenarios.Case, len(jobs))
		for i := range jobs {
			cases[i] = jobs[i].Case
		}
		if err := b.Ready(ctx, cases); err != nil {
			return exit(exitCouldNotRun, fmt.Errorf("start the probers of all cases at once: %w; -p bounds them", err))
		}
	}
	return f.finish(ctx, s, env, c, jobs)
}
