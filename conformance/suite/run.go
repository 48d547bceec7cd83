// Package suite runs many cases on a testbed: selection, shards, parallelism.
// Results come in the order of the cases whatever the parallelism.
package suite

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Job is one case with one seed.
type Job struct {
	Case *scenarios.Case
	Seed uint64
}

// Outcome is what became of a job. Exactly one of Trace, NotRun and Err is
// set.
type Outcome struct {
	Job
	Trace  *trace.Trace
	NotRun string // why the testbed cannot express the case
	Err    error  // the harness could not run it
}

// Options of Run.
type Options struct {
	// Parallel is the number of jobs at a time; >= 1, default 1.
	Parallel int
	// Progress is called, if not nil, after each job, from any goroutine.
	Progress func(done, total int)
}

// Run runs the jobs and hands each outcome to finish, which may be called
// from several goroutines at once, each i once. What finish returns is
// collected in the order of the jobs. A cancelled context stops the run: jobs
// not begun by then have the context's error.
func Run[R any](ctx context.Context, bed testbed.Testbed, jobs []Job, opts Options, finish func(Outcome) R) []R {
	results := make([]R, len(jobs))
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(max(opts.Parallel, 1), max(len(jobs), 1)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				results[i] = finish(runJob(ctx, bed, jobs[i]))
				if n := int(done.Add(1)); opts.Progress != nil {
					opts.Progress(n, len(jobs))
				}
			}
		})
	}
	workers.Wait()
	return results
}

func runJob(ctx context.Context, bed testbed.Testbed, job Job) (out Outcome) {
	out.Job = job
	defer func() {
		if v := recover(); v != nil {
			out.Trace, out.Err = nil, fmt.Errorf("run %s seed %d: panic: %v\n%s", job.Case.ID(), job.Seed, v, debug.Stack())
		}
	}()
	if err := ctx.Err(); err != nil {
		out.Err = err
		return out
	}
	if out.NotRun = bed.Unsupported(job.Case); out.NotRun != "" {
		return out
	}
	out.Trace, out.Err = bed.Run(ctx, job.Case, job.Seed)
	return out
}
