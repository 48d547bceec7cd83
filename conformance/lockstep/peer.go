package lockstep

import (
	"errors"
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// peer is a prober that was started.
type peer struct {
	stream   Stream
	seq      int64
	line     []byte // sent last
	received []byte // the answer to it, valid until the next call
	greeting protocol.Reply
	opened   bool // a case is open
}

// Call implements Peer.
func (p *peer) Call(r *protocol.Request) (*protocol.Reply, error) {
	p.seq++
	r.Seq = p.seq
	var err error
	if p.line, err = protocol.AppendRequest(p.line[:0], r); err != nil {
		return nil, fmt.Errorf("message %d: %w", r.Seq, err)
	}
	p.received = nil
	line, err := p.stream.Exchange(p.line)
	p.received = line
	if err != nil {
		if v, ok := errors.AsType[*protocol.Violation](err); ok && v.Seq == 0 {
			v.Seq = r.Seq
		}
		return nil, err
	}
	if r.Op == protocol.Open {
		p.opened = true
	}
	return protocol.DecodeReply(line, r)
}

// explain adds to a violation what the prober wrote to standard error.
func (p *peer) explain(err error) error {
	v, ok := errors.AsType[*protocol.Violation](err)
	if !ok {
		return err
	}
	b := &protocol.Broken{Violation: v}
	if s, ok := p.stream.(interface{ Stderr() string }); ok {
		b.Stderr = s.Stderr()
	}
	return b
}
