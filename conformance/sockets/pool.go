package sockets

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// pool has the processes that run, greeted.
type pool struct {
	start func(ctx context.Context) (*process, error)
	// starting bounds how many processes start at once: they are busy then.
	starting chan struct{}

	mu      sync.Mutex
	shared  []*seat    // for cases that live in peace
	idle    []*process // greeted, without a case, for those that do not
	ended   bool
	running []*process // all that are to be closed
}

// seat is a process with the number of its cases.
type seat struct {
	process *process
	taken   int
}

func newPool(start func(ctx context.Context) (*process, error)) *pool {
	return &pool{start: start, starting: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// more starts a process.
func (o *pool) more(ctx context.Context) (*process, error) {
	select {
	case o.starting <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-o.starting }()
	p, err := o.start(ctx)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.running = append(o.running, p)
	ended := o.ended
	o.mu.Unlock()
	if ended {
		return nil, errors.Join(context.Canceled, p.close())
	}
	return p, nil
}

// ready starts what a number of cases will need: seats, and processes for
// those that are restarted.
func (o *pool) ready(ctx context.Context, seats, alone int) error {
	var wait sync.WaitGroup
	errs := make(chan error, 1)
	add := func(keep func(*process)) {
		p, err := o.more(ctx)
		if err != nil {
			select {
			case errs <- err:
			default:
			}
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		keep(p)
	}
	o.mu.Lock()
	for _, s := range o.shared {
		seats -= capacity(s.process) - s.taken
	}
	alone -= len(o.idle)
	o.mu.Unlock()
	for each := o.each(); seats > 0; seats -= each {
		wait.Go(func() { add(func(p *process) { o.shared = append(o.shared, &seat{process: p}) }) })
	}
	for ; alone > 0; alone-- {
		wait.Go(func() { add(func(p *process) { o.idle = append(o.idle, p) }) })
	}
	wait.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func capacity(p *process) int { return max(p.greeting.Concurrent, 1) }

// each is how many cases a process takes.
func (o *pool) each() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.running) == 0 {
		return 1
	}
	return capacity(o.running[0])
}

// take gives a case its process, and the one that leaves it.
func (o *pool) take(ctx context.Context) (*process, func(), error) {
	o.mu.Lock()
	o.shared = slices.DeleteFunc(o.shared, func(s *seat) bool { return s.process.broken() })
	for _, s := range o.shared {
		if s.taken < capacity(s.process) {
			s.taken++
			o.mu.Unlock()
			return s.process, func() { o.leave(s) }, nil
		}
	}
	o.mu.Unlock()
	p, err := o.more(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &seat{process: p, taken: 1}
	o.mu.Lock()
	o.shared = append(o.shared, s)
	o.mu.Unlock()
	return p, func() { o.leave(s) }, nil
}

func (o *pool) leave(s *seat) {
	o.mu.Lock()
	s.taken--
	o.mu.Unlock()
}

// takeAlone gives a case n processes that nobody else has, and ends them.
func (o *pool) takeAlone(ctx context.Context, n int) ([]*process, func(), error) {
	var list []*process
	end := func() {
		for _, p := range list {
			o.end(p)
		}
	}
	for len(list) < n {
		o.mu.Lock()
		var p *process
		if k := len(o.idle); k > 0 {
			p = o.idle[k-1]
			o.idle = o.idle[:k-1]
		}
		o.mu.Unlock()
		var err error
		if p == nil {
			p, err = o.more(ctx)
		}
		if err != nil {
			end()
			return nil, nil, err
		}
		if p.broken() {
			o.end(p)
			continue
		}
		list = append(list, p)
	}
	return list, end, nil
}

// end closes one process.
func (o *pool) end(p *process) {
	_ = p.close() // it may have been killed
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = slices.DeleteFunc(o.running, func(other *process) bool { return other == p })
}

// close ends all processes, at once.
func (o *pool) close() error {
	o.mu.Lock()
	o.ended = true
	list := o.running
	o.running, o.shared, o.idle = nil, nil, nil
	o.mu.Unlock()
	errs := make([]error, len(list))
	var wait sync.WaitGroup
	for i, p := range list {
		wait.Go(func() { errs[i] = p.close() })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// greet greets a process.
func greet(ctx context.Context, p *process, hello protocol.Request) error {
	reply, err := p.ask(ctx, &hello)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.greeting = *reply
	return nil
}
