package main

import (
	"encoding/json"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
)

// memory is what a mutant may take, in bytes; the suite itself needs less
// than a tenth.
const memory = 2 << 30

// guard ends the process when a case takes too long or too much memory, for
// nothing else stops a loop. It reports the mutant first.
type guard struct {
	limit time.Duration
	out   *json.Encoder

	mu     sync.Mutex
	mutant int
	job    *protocol.Job // nil: no case runs
	since  time.Time
}

func newGuard(limit time.Duration, out *json.Encoder) *guard {
	g := &guard{limit: limit, out: out}
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			g.look()
		}
	}()
	return g
}

func (g *guard) begin(mutant int, j *protocol.Job) {
	g.mu.Lock()
	g.mutant, g.job, g.since = mutant, j, time.Now()
	g.mu.Unlock()
}

func (g *guard) end() {
	g.mu.Lock()
	g.job = nil
	g.mu.Unlock()
}

func (g *guard) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job == nil {
		return
	}
	took := time.Since(g.since)
	if took < time.Second {
		return
	}
	verdict := ""
	var m runtime.MemStats
	switch runtime.ReadMemStats(&m); {
	case m.HeapAlloc > memory:
		verdict = protocol.Ballooned
	case took > g.limit:
		verdict = protocol.Hung
	default:
		return
	}
	_ = g.out.Encode(protocol.Result{
		Mutant: g.mutant, Verdict: verdict, Case: g.job.Case, Seed: g.job.Seed,
		Message: "the case did not end",
	})
	os.Exit(0)
}
