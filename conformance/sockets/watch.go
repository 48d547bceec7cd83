package sockets

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall"
)

// calling is how often the harness calls itself.
const calling = 100 * time.Millisecond

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
	tick := time.NewTicker(wall.Watching)
	defer tick.Stop()
	var own wall.Waits
	probers := map[*process]*wall.Waits{}
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		all := own.Longest(wall.Waited(os.Getpid()))
		present := map[*process]*wall.Waits{}
		for _, p := range w.pool.processes() {
			of := probers[p]
			if of == nil {
				of = &wall.Waits{}
			}
			present[p] = of
			p.late(max(all, of.Longest(wall.Waited(p.program.Pid()))))
		}
		probers = present
	}
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
