// Command driver is the program into which hack/mutation weaves its mutants.
// It plays embedded scenarios on the simulator and judges them; no unit test
// takes part. Without -jobs it runs everything once and writes the jobs with
// the mutants that differ in each; with it, it answers one task per line.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/hack/mutation/active"
	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// stack bounds the stack of a mutant that calls itself for ever.
const stack = 64 << 20

func main() {
	mutants := flag.Int("mutants", 0, "number of mutants")
	seeds := flag.Int("seeds", 3, "number of seeds, from 1")
	jobs := flag.String("jobs", "", "file of jobs; answer tasks")
	limit := flag.Duration("limit", 10*time.Second, "time of one case")
	flag.Parse()
	debug.SetMaxStack(stack)
	debug.SetGCPercent(400)
	var err error
	if *jobs == "" {
		err = survey(*mutants, *seeds)
	} else {
		err = serve(*jobs, *limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(3)
	}
}

// cases loads every embedded case in every profile.
func cases() ([]*scenarios.Case, error) {
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*scenarios.Case
	for _, name := range files {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			return nil, err
		}
		file, diags := scenarios.Load(path.Join(scenarios.CasesDir, name), data,
			scenarios.Options{Requirements: requirements.IDs()})
		if diags.HasErrors() {
			fmt.Fprintln(os.Stderr, "driver: left out, has errors:", name)
			continue
		}
		list, diags := file.Cases(nil)
		if diags.HasErrors() {
			fmt.Fprintln(os.Stderr, "driver: left out, has errors:", name)
			continue
		}
		all = append(all, list...)
	}
	return all, nil
}

// seen is what a run left.
type seen struct {
	cost  int    // events
	print string // fingerprint of the trace
}

// play runs one job and judges it, unless the trace is the one that passed.
func play(c *scenarios.Case, seed uint64, passed string) (v judge.Verdict, s seen) {
	job := suite.Job{Case: c, Seed: seed}
	list := suite.Run(context.Background(), simbed.Bed{Bare: true}, []suite.Job{job}, suite.Options{},
		func(o suite.Outcome) judge.Verdict {
			switch {
			case o.Err != nil:
				return judge.Broken(c, seed, o.Err)
			case o.NotRun != "":
				return judge.Unrun(c, seed, o.NotRun)
			}
			s = seen{len(o.Trace.Events), fingerprint(o.Trace)}
			if s.print == passed {
				return judge.Verdict{Result: judge.Pass}
			}
			return safely(c, seed, func() judge.Verdict { return judge.Judge(c, o.Trace, judge.Options{}) })
		})
	return list[0], s
}

// fingerprint covers all of a trace: the digest, and the messages, which it
// leaves out.
func fingerprint(t *trace.Trace) string {
	h := sha256.New()
	for i := range t.Events {
		_, _ = io.WriteString(h, t.Events[i].Msg+"\n")
	}
	return fmt.Sprintf("%s %x", t.Digest, h.Sum(nil))
}

// safely turns a panic of the judge, which a strange trace may cause, into an
// error.
func safely(c *scenarios.Case, seed uint64, do func() judge.Verdict) (v judge.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = judge.Broken(c, seed, fmt.Errorf("judge panic: %v\n%s", r, debug.Stack()))
		}
	}()
	return do()
}

// survey runs the original program.
func survey(mutants, seeds int) error {
	all, err := cases()
	if err != nil {
		return err
	}
	var jobs []protocol.Job
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		round := make([]protocol.Job, 0, len(all))
		for _, c := range all {
			active.Mutant, active.Differs = active.Survey, make([]bool, mutants+1)
			v, s := play(c, seed, "")
			job := protocol.Job{Case: c.ID(), Seed: seed, Cost: s.cost, Print: s.print}
			for m, differs := range active.Differs {
				if differs {
					job.Mutants = append(job.Mutants, m)
				}
			}
			if v.Result != judge.Pass {
				job.Bad = firstLine(v)
			}
			round = append(round, job)
		}
		jobs = append(jobs, order(round)...)
	}
	return json.NewEncoder(os.Stdout).Encode(jobs)
}

// order puts the cheapest case of every scenario first, then the others:
// most mutants die early, and of a different scenario each.
func order(jobs []protocol.Job) []protocol.Job {
	slices.SortFunc(jobs, func(a, b protocol.Job) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), strings.Compare(a.Case, b.Case))
	})
	seen := map[string]bool{}
	var first, rest []protocol.Job
	for _, j := range jobs {
		name := j.Case[:strings.IndexAny(j.Case, "@[")]
		if seen[name] {
			rest = append(rest, j)
		} else {
			first = append(first, j)
		}
		seen[name] = true
	}
	return append(first, rest...)
}

func firstLine(v judge.Verdict) string {
	text := v.Reason
	if len(v.Failures) > 0 {
		text = v.Failures[0].Requirement + ": " + v.Failures[0].Message
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// serve answers tasks until the input ends.
func serve(file string, limit time.Duration) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var jobs []protocol.Job
	if err := json.Unmarshal(data, &jobs); err != nil {
		return err
	}
	all, err := cases()
	if err != nil {
		return err
	}
	byID := map[string]*scenarios.Case{}
	for _, c := range all {
		byID[c.ID()] = c
	}
	out := json.NewEncoder(os.Stdout)
	guard := newGuard(limit, out)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var t protocol.Task
		if err := json.Unmarshal(in.Bytes(), &t); err != nil {
			return err
		}
		result := try(t, jobs, byID, guard)
		// A pool may hold what the mutant spoiled; two collections empty it.
		if t.Clean {
			runtime.GC()
			runtime.GC()
		}
		if err := out.Encode(result); err != nil {
			return err
		}
	}
	return in.Err()
}

// reaches tells whether the mutant does anything in the job.
func reaches(j *protocol.Job, mutant int) bool {
	_, ok := slices.BinarySearch(j.Mutants, mutant)
	return ok
}

// patience is how many cases a mutant may break before it is given up: a
// verdict of a judge tells more than an error, but errors may be slow.
const patience = 5

// try runs the jobs that reach a mutant until a judge objects.
func try(t protocol.Task, jobs []protocol.Job, byID map[string]*scenarios.Case, g *guard) protocol.Result {
	r := protocol.Result{Mutant: t.Mutant, Verdict: protocol.Survived}
	errors := 0
	active.Mutant = t.Mutant
	defer func() { active.Mutant = active.None }()
	for i := range jobs {
		j := &jobs[i]
		if j.Bad != "" || !reaches(j, t.Mutant) {
			continue
		}
		r.Reaching++
		if r.Verdict == protocol.Failed || errors >= patience {
			continue // only count
		}
		r.Jobs++
		g.begin(t.Mutant, j)
		v, _ := play(byID[j.Case], j.Seed, j.Print)
		g.end()
		if v.Result == judge.Error {
			errors++
		}
		if v.Result == judge.Pass || v.Result == judge.Error && r.Verdict != protocol.Survived {
			continue
		}
		r.Case, r.Seed, r.Message, r.Requirement = j.Case, j.Seed, firstLine(v), ""
		switch {
		case v.Result != judge.Error:
			r.Verdict = protocol.Failed
			if len(v.Failures) > 0 {
				r.Requirement = v.Failures[0].Requirement
			}
		case strings.Contains(r.Message, "panic"):
			r.Verdict = protocol.Panicked
		default:
			r.Verdict = protocol.Errored
		}
	}
	return r
}
