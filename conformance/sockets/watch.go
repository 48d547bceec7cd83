package sockets

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// watching is how often it is looked how long threads had to wait for a
	// processor, looks how many of these make the window in which waits are
	// added up: who waits 150 ms, runs for 5 and waits again, is late by both.
	watching = 200 * time.Millisecond
	looks    = 5
	// calling is how often the harness calls itself.
	calling = 100 * time.Millisecond
)

// watch measures by how much the machine makes runs late, beside what their
// own clocks notice: how long probers wait for a processor, and how long it
// takes until a connection is noticed by whom it is for.
type watch struct {
	pool *pool
	line net.Listener // where the harness calls itself
	ctx  context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

func newWatch(o *pool) (*watch, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the harness itself: %w", err)
	}
	w := &watch{pool: o, line: l}
	w.ctx, w.end = context.WithCancel(context.Background())
	w.done.Go(w.look)
	noticed := make(chan time.Time, 1)
	w.done.Go(func() { w.accept(noticed) })
	w.done.Go(func() { w.call(noticed) })
	return w, nil
}

func (w *watch) close() error {
	w.end()
	err := w.line.Close()
	w.done.Wait()
	return err
}

// look looks at the probers and at the harness, again and again.
func (w *watch) look() {
	tick := time.NewTicker(watching)
	defer tick.Stop()
	var own waits
	probers := map[*process]*waits{}
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		all := own.longest(waited(os.Getpid()))
		present := map[*process]*waits{}
		for _, p := range w.pool.processes() {
			of := probers[p]
			if of == nil {
				of = &waits{}
			}
			present[p] = of
			p.late(max(all, of.longest(waited(p.program.Pid()))))
		}
		probers = present
	}
}

// waits are the last looks at one process: by thread, how long it has waited
// in its life.
type waits struct{ last []map[string]time.Duration }

// longest is how long one thread has waited within the window.
func (w *waits) longest(now map[string]time.Duration) (longest time.Duration) {
	w.last = append(w.last, now)
	if len(w.last) > looks+1 {
		w.last = w.last[1:]
	}
	for thread, sum := range now {
		for _, look := range w.last { // the first one that knows it
			if was, known := look[thread]; known {
				longest = max(longest, sum-was)
				break
			}
		}
	}
	return longest
}

// accept notes when it notices a connection.
func (w *watch) accept(noticed chan<- time.Time) {
	for {
		c, err := w.line.Accept()
		if err != nil {
			close(noticed)
			return
		}
		noticed <- time.Now()
		_ = c.Close()
	}
}

// call calls the harness.
func (w *watch) call(noticed <-chan time.Time) {
	tick := time.NewTicker(calling)
	defer tick.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		c, err := (&net.Dialer{KeepAlive: -1}).DialContext(w.ctx, "tcp", w.line.Addr().String())
		if err != nil {
			return // the end has come
		}
		at, ok := <-noticed
		_ = c.Close()
		if !ok {
			return
		}
		for _, p := range w.pool.processes() {
			p.late(at.Sub(began))
		}
	}
}

// processes are those that run.
func (o *pool) processes() []*process {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*process(nil), o.running...)
}

// late notes by how much the machine is late for the runs of a process.
func (p *process) late(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		r.late(by)
	}
}

// late notes by how much the machine is late.
func (r *run) late(by time.Duration) {
	for {
		was := r.lateness.Load()
		if int64(by) <= was || r.lateness.CompareAndSwap(was, int64(by)) {
			return
		}
	}
}
