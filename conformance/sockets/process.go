package sockets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/program"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// process is a prober that runs. Its methods never wait for it.
type process struct {
	program *program.Program
	timeout time.Duration // for an answer

	mu      sync.Mutex
	seq     int64
	asked   map[int64]*question
	runs    map[int64]*run
	closed  map[int64]bool // runs that are over: what comes late is nobody's
	failure error          // why the process is no good any more
	retired bool           // it was ended on purpose
	deaf    bool           // its output has ended; why is being found out

	outbox  [][]byte
	written *sync.Cond // something is in the outbox, or the end has come
	done    sync.WaitGroup

	greeting protocol.Reply
}

// question is a message without an answer yet.
type question struct {
	request  *protocol.Request
	answered func(*protocol.Reply, error) // called once, without locks; nil: nobody waits
	silence  *time.Timer
}

// start starts a prober; nobody has greeted it yet.
func start(ctx context.Context, argv []string, timeout time.Duration) (*process, error) {
	running, err := program.Start(ctx, argv)
	if err != nil {
		return nil, err
	}
	p := &process{
		program: running, timeout: timeout,
		asked: map[int64]*question{}, runs: map[int64]*run{}, closed: map[int64]bool{},
	}
	p.written = sync.NewCond(&p.mu)
	p.done.Go(p.write)
	p.done.Go(p.read)
	return p, nil
}

// send sends a message. Its answer comes to answered, or the reason why there
// is none; a prober that does not answer in time is broken altogether.
func (p *process) send(r *protocol.Request, answered func(*protocol.Reply, error)) {
	err := p.post(r, answered)
	if err != nil && answered != nil {
		answered(nil, err)
	}
}

func (p *process) post(r *protocol.Request, answered func(*protocol.Reply, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return p.failure
	}
	p.seq++
	r.Seq = p.seq
	line, err := protocol.AppendRequest(nil, r)
	if err != nil {
		return fmt.Errorf("message %d: %w", r.Seq, err)
	}
	q := &question{request: r, answered: answered}
	q.silence = time.AfterFunc(p.timeout, func() {
		p.mu.Lock()
		deaf := p.deaf
		p.mu.Unlock()
		if deaf {
			return
		}
		p.fail(&protocol.Violation{
			Seq: r.Seq, What: fmt.Sprintf("silence: no answer within %s", p.timeout),
			Fix: `answer every message at once with {"seq":N} on a line, whatever it takes to act on it, and flush standard output`,
		})
	})
	p.asked[r.Seq] = q
	p.outbox = append(p.outbox, line)
	p.written.Signal()
	return nil
}

// ask sends a message and waits for its answer.
func (p *process) ask(ctx context.Context, r *protocol.Request) (*protocol.Reply, error) {
	type answer struct {
		reply *protocol.Reply
		err   error
	}
	came := make(chan answer, 1)
	p.send(r, func(reply *protocol.Reply, err error) { came <- answer{reply, err} })
	select {
	case a := <-came:
		return a.reply, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// write writes messages, in order, until the end.
func (p *process) write() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.outbox) == 0 {
			if p.failure != nil || p.retired {
				return
			}
			p.written.Wait()
		}
		line := p.outbox[0]
		p.outbox = p.outbox[1:]
		p.mu.Unlock()
		_, err := p.program.In.Write(line)
		p.mu.Lock()
		if err != nil {
			return // who reads its output learns why, or its silence tells
		}
	}
}

// read reads lines until the end.
func (p *process) read() {
	lines := protocol.NewLines(p.program.Out, protocol.MaxReply)
	for {
		line, err := lines.Next()
		if err != nil {
			p.mu.Lock()
			over := p.retired || p.failure != nil
			p.deaf = true
			p.mu.Unlock()
			if !over {
				p.fail(p.program.Broken(err))
			}
			return
		}
		if err := p.take(line); err != nil {
			p.fail(err)
			return
		}
	}
}

// take takes a line of the prober.
func (p *process) take(line []byte) error {
	var q *question
	reply, report, err := protocol.DecodeLine(line, func(seq int64) *protocol.Request {
		p.mu.Lock()
		defer p.mu.Unlock()
		if q = p.asked[seq]; q == nil {
			return nil
		}
		delete(p.asked, seq)
		return q.request
	})
	if q != nil {
		q.silence.Stop()
	}
	switch {
	case err != nil:
		if q != nil && q.answered != nil {
			q.answered(nil, p.explain(err))
		}
		return err
	case report == nil:
		if q.answered != nil {
			q.answered(reply, nil)
		}
		return nil
	}
	r, err := p.runOf(report, line)
	if r != nil {
		r.take(report, line)
	}
	return err
}

// runOf is the run that a report speaks of; nil when it is over.
func (p *process) runOf(report *protocol.Report, line []byte) (*run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if report.Run == 0 {
		if p.greeting.Concurrent <= 1 && len(p.runs) == 1 {
			for _, r := range p.runs {
				return r, nil
			}
		}
		if p.greeting.Concurrent <= 1 && len(p.closed) > 0 {
			return nil, nil //nolint:nilnil // the case is over
		}
		return nil, &protocol.Violation{Line: protocol.Excerpt(line), Field: "run", What: "nobody knows of which case it speaks", Fix: "repeat the run of the open message"}
	}
	r := p.runs[report.Run]
	if r == nil && !p.closed[report.Run] {
		return nil, &protocol.Violation{Line: protocol.Excerpt(line), Field: "run", What: fmt.Sprintf("run %d was never opened", report.Run), Fix: "repeat the run of the open message"}
	}
	return r, nil
}

// begin and end say which runs the process has.
func (p *process) begin(r *run) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[r.id] = r
	return p.failure
}

func (p *process) end(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.runs, r.id)
	p.closed[r.id] = true
}

// fail gives up on the process: whoever waits for it learns why.
func (p *process) fail(err error) {
	p.mu.Lock()
	if p.failure != nil || p.retired {
		p.mu.Unlock()
		return
	}
	p.failure = err
	p.mu.Unlock()
	err = p.explain(err) // what is on standard error may take a moment
	p.program.Kill()
	p.mu.Lock()
	p.failure = err
	p.mu.Unlock()
	p.forsake(err)
}

// forsake tells all who wait for the process.
func (p *process) forsake(err error) {
	p.mu.Lock()
	asked, runs := p.asked, p.runs
	p.asked, p.runs = map[int64]*question{}, map[int64]*run{}
	p.written.Broadcast()
	p.mu.Unlock()
	for _, q := range asked {
		q.silence.Stop()
		if q.answered != nil {
			q.answered(nil, err)
		}
	}
	for _, r := range runs {
		r.fail(err)
	}
}

// explain adds to a violation what the prober wrote to standard error.
func (p *process) explain(err error) error {
	v, ok := errors.AsType[*protocol.Violation](err)
	if !ok {
		return err
	}
	return &protocol.Broken{Violation: v, Stderr: p.program.Stderr()}
}

// broken tells whether the process is no good any more.
func (p *process) broken() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure != nil || p.retired
}

// retire marks the process as ended on purpose: its end is no failure.
func (p *process) retire() {
	p.mu.Lock()
	p.retired = true
	p.written.Broadcast()
	p.mu.Unlock()
}

// kill ends the process as a crash would, and forgets its runs.
func (p *process) kill() {
	p.retire()
	p.program.Kill()
}

// close ends the process: it may finish, or is killed, with all that it has
// started. Nothing of it is left afterwards.
func (p *process) close() error {
	p.retire()
	err := p.program.Close()
	p.forsake(context.Canceled)
	p.done.Wait()
	return err
}
