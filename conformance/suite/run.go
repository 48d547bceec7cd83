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

// Jobs are jobs that need not all exist at once: At makes the i-th of Len. It
// may be called from several goroutines.
type Jobs struct {
	Len int
	At  func(i int) Job
}

// Outcome is what became of a job. Exactly one of Trace, NotRun, Unclaimed and
// Err is set.
type Outcome struct {
	Job
	Trace     *trace.Trace
	NotRun    string   // why the testbed cannot express the case
	Unclaimed []string // what the case needs and the prober does not claim
	Err       error    // the harness could not run it
}

// Claimer is a testbed whose prober may not have every feature.
type Claimer interface {
	// Unclaimed lists what a case needs and the prober does not claim.
	Unclaimed(c *scenarios.Case) []string
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
	results := make([]R, 0, len(jobs))
	all := Jobs{len(jobs), func(i int) Job { return jobs[i] }}
	Stream(ctx, bed, all, opts, finish, func(r R) { results = append(results, r) })
	return results
}

// Stream is Run for more jobs and results than one wants to keep: take gets them one at
// a time, in the order of the jobs.
func Stream[R any](
	ctx context.Context, bed testbed.Testbed, jobs Jobs, opts Options, finish func(Outcome) R, take func(R),
) {
	parallel := min(max(opts.Parallel, 1), max(jobs.Len, 1))
	line := newLine(take, lead*parallel)
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= jobs.Len {
					return
				}
				line.put(i, finish(runJob(ctx, bed, jobs.At(i))))
				if n := int(done.Add(1)); opts.Progress != nil {
					opts.Progress(n, jobs.Len)
				}
			}
		})
	}
	workers.Wait()
}

// lead is how many results of each worker may wait for an earlier one.
const lead = 64

// line puts results back into the order of their jobs.
type line[R any] struct {
	take func(R)
	most int // that may wait

	mu      sync.Mutex
	moved   sync.Cond
	first   int // the job that everybody waits for
	waiting map[int]R
}

func newLine[R any](take func(R), most int) *line[R] {
	l := &line[R]{take: take, most: most, waiting: map[int]R{}}
	l.moved.L = &l.mu
	return l
}

// put hands over the result of a job. Who is too far ahead waits; the one that
// everybody waits for never does.
func (l *line[R]) put(i int, r R) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i >= l.first+l.most {
		l.moved.Wait()
	}
	l.waiting[i] = r
	for {
		r, ok := l.waiting[l.first]
		if !ok {
			return
		}
		delete(l.waiting, l.first)
		l.take(r)
		l.first++
		l.moved.Broadcast()
	}
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
	if claimer, ok := bed.(Claimer); ok {
		if out.Unclaimed = claimer.Unclaimed(job.Case); len(out.Unclaimed) > 0 {
			return out
		}
	}
	out.Trace, out.Err = bed.Run(ctx, job.Case, job.Seed)
	return out
}
