// Package reference is our own prober behind the sockets door, as a vendor's
// would be: the engine by package realtime, on the system's clock, with tries
// over real connections. Each container has its workers, and one connection to
// its guest agent as libvirt keeps it; what has no socket (the domain, a
// command in a container) is asked of the suite.
package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
)

// Prober serves the sockets door. The zero value obeys the law.
type Prober struct {
	// Version is said in the greeting.
	Version string
	// Deviation makes it a wrong prober, see Deviates; nil: the law.
	Deviation *simbed.Deviation
	// Concurrent is how many cases it takes at a time; 0: as many as allowed.
	Concurrent int
}

// Deviates says why a deviation cannot be served through this door: it is none
// of the prober's own; empty when it can.
func Deviates(d *simbed.Deviation) string {
	switch {
	case d == nil:
		return ""
	case d.Platform != nil:
		return "it is the platform that is wrong, and behind this door that is the suite's"
	case d.Prober != nil:
		return "it is the driver of the simulation that is wrong"
	case d.Machine != nil:
		return "it is the world that is wrong"
	}
	return ""
}

// Serve answers the suite until it closes the stream. An error is one of the
// streams or of the suite's messages.
func (p *Prober) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{prober: p, ctx: ctx, runs: map[int64]*run{}, enc: json.NewEncoder(out)}
	s.enc.SetEscapeHTML(false)
	defer s.end()
	lines := protocol.NewLines(in, protocol.MaxRequest)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the suite: %w", err)
		}
		r, err := protocol.DecodeRequest(line)
		if err != nil {
			return err
		}
		if err := s.take(r); err != nil {
			return fmt.Errorf("message %d, %s: %w", r.Seq, r.Op, err)
		}
	}
}

// server is one conversation.
type server struct {
	prober *Prober
	ctx    context.Context //nolint:containedctx // of the conversation
	runs   map[int64]*run

	mu  sync.Mutex
	enc *json.Encoder
}

// say writes a line.
func (s *server) say(v any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enc.Encode(v)
}

// take takes one message, and answers it.
func (s *server) take(r *protocol.Request) error {
	reply := &protocol.Reply{Seq: r.Seq}
	run := s.runs[r.Run]
	if run == nil && (r.Op == protocol.Step || r.Op == protocol.Close) {
		return fmt.Errorf("run %d is not open", r.Run)
	}
	switch r.Op {
	case protocol.Hello:
		s.greet(r, reply)
	case protocol.Open:
		opened, err := s.open(r)
		if err != nil {
			return err
		}
		s.runs[r.Run] = opened
	case protocol.Step:
		// The answer comes first: what follows from the events may take longer.
		if err := s.say(reply); err != nil {
			return err
		}
		return run.step(r)
	case protocol.Close:
		run.close()
		delete(s.runs, r.Run)
	}
	return s.say(reply)
}

func (s *server) greet(r *protocol.Request, reply *protocol.Reply) {
	reply.Protocol = protocol.Version
	reply.Implementation = &protocol.Implementation{Name: "vmprobe", Version: s.prober.Version, Language: "go"}
	reply.Concurrent = protocol.MaxConcurrent
	if s.prober.Concurrent > 0 {
		reply.Concurrent = s.prober.Concurrent
	}
	for _, f := range append(protocol.Features(), protocol.ClusterEvents) {
		if slices.Contains(r.Offered, f) {
			reply.Features = append(reply.Features, f)
		}
	}
}

func (s *server) end() {
	for _, r := range s.runs {
		r.close()
	}
}
