package lockstep

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/claims"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Config of a Bed; Start is needed.
type Config struct {
	// Start starts a prober; its Close must leave nothing behind.
	Start func(ctx context.Context) (Stream, error)
	// Tool is the version written into traces.
	Tool string
	// Nonce is what the canaries of this run are drawn from.
	Nonce string
	// Ground is where the VMs live when time is real; nil: they are simulated.
	Ground Ground
}

// Ground is a testbed in wall time, for another prober than our own.
type Ground interface {
	testbed.Testbed
	// UnsupportedBehind is Unsupported for RunBehind.
	UnsupportedBehind(c *scenarios.Case) string
	// RunBehind is Run with the prober that a door puts into the world. It asks
	// for exchanges with simbed.Ground.Away.
	RunBehind(ctx context.Context, c *scenarios.Case, seed uint64, door simbed.Door) (*trace.Trace, error)
}

// Stream is a prober as its messages: a process, or a function.
type Stream interface {
	// Exchange writes a line and reads one, which is valid until the next call.
	Exchange(line []byte) ([]byte, error)
	// Close ends the prober.
	Close() error
}

// Bed is a testbed with a prober behind the lockstep door. It is safe for
// concurrent use: each case that runs has a prober of its own, and those
// that are idle are used again.
type Bed struct {
	cfg      Config
	greeting protocol.Reply

	mu   sync.Mutex
	idle []*peer
}

// New starts a first prober and greets it.
func New(ctx context.Context, cfg Config) (*Bed, error) {
	b := &Bed{cfg: cfg}
	p, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	b.greeting = p.greeting
	b.idle = append(b.idle, p)
	return b, nil
}

// Close ends all probers.
func (b *Bed) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, p := range b.idle {
		errs = append(errs, p.stream.Close())
	}
	b.idle = nil
	return errors.Join(errs...)
}

// Implementation is what the prober calls itself.
func (b *Bed) Implementation() protocol.Implementation { return *b.greeting.Implementation }

// Claims are the features that the prober claims, in the order of the offer.
func (b *Bed) Claims() []string { return slices.Clone(b.greeting.Features) }

// Canaries are the features that were offered and do not exist.
func (b *Bed) Canaries() []string { return protocol.Canaries(protocol.Offer(b.cfg.Nonce)) }

// Profiles are the dialects that the prober speaks; empty: all.
func (b *Bed) Profiles() []string { return slices.Clone(b.greeting.Profiles) }

// Name implements testbed.Testbed.
func (b *Bed) Name() string {
	if b.cfg.Ground != nil {
		return b.cfg.Ground.Name()
	}
	return simbed.Bed{}.Name()
}

// Unsupported implements testbed.Testbed.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	if b.cfg.Ground != nil {
		return b.cfg.Ground.UnsupportedBehind(c)
	}
	return ""
}

// Unclaimed lists what a case needs and the prober does not claim.
func (b *Bed) Unclaimed(c *scenarios.Case) []string {
	var missing []string
	if name := string(c.Profile.Name); len(b.greeting.Profiles) > 0 && !slices.Contains(b.greeting.Profiles, name) {
		missing = append(missing, "profile "+name)
	}
	for _, f := range claims.Needs(c) {
		if !slices.Contains(b.greeting.Features, f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// Run implements testbed.Testbed. After an error the prober is ended, and the
// next case gets a new one.
func (b *Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	p, err := b.take(ctx)
	if err != nil {
		return nil, err
	}
	t, err := b.play(ctx, p, c, seed)
	if err != nil {
		err = errors.Join(p.explain(err), p.stream.Close())
		if ctx.Err() != nil { // its prober was killed
			err = ctx.Err()
		}
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle = append(b.idle, p)
	return t, nil
}

// play runs one case against a prober.
func (b *Bed) play(ctx context.Context, p *peer, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	open, err := protocol.Opening(c, seed)
	if err != nil {
		return nil, err
	}
	var t *trace.Trace
	if b.cfg.Ground != nil {
		t, err = b.playLive(ctx, p, c, seed, open)
	} else {
		t, err = simbed.Bed{Tool: b.cfg.Tool, Bare: true, Door: door(p, open)}.Run(ctx, c, seed)
	}
	if err != nil {
		return nil, err
	}
	if !p.opened { // the manifests are rejected: nothing ran
		return t, nil
	}
	p.opened = false
	_, err = p.Call(&protocol.Request{Op: protocol.Close})
	return t, err
}

// playLive runs one case on real ground.
func (b *Bed) playLive(ctx context.Context, p *peer, c *scenarios.Case, seed uint64, open *protocol.Request) (*trace.Trace, error) {
	var s *session
	waited := func() time.Duration { return 0 }
	if process, ok := p.stream.(interface{ Pid() int }); ok {
		waited = wall.WatchWaits(process.Pid())
	}
	t, err := b.cfg.Ground.RunBehind(ctx, c, seed, func(g *simbed.Ground) (simbed.Prober, error) {
		var err error
		s, err = enterLive(g, p, open)
		return s, err
	})
	late := waited()
	if s != nil {
		if broken := s.hangUp(); broken != nil {
			return nil, broken
		}
	}
	if err != nil {
		return nil, err
	}
	t.Late = max(t.Late, late)
	return t, nil
}

// Ready starts so many probers, before any clock runs.
func (b *Bed) Ready(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		there := len(b.idle)
		b.mu.Unlock()
		if there >= n {
			return nil
		}
		p, err := b.start(ctx)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.idle = append(b.idle, p)
		b.mu.Unlock()
	}
}

// take gives an idle prober, or a new one.
func (b *Bed) take(ctx context.Context) (*peer, error) {
	b.mu.Lock()
	if n := len(b.idle); n > 0 {
		p := b.idle[n-1]
		b.idle = b.idle[:n-1]
		b.mu.Unlock()
		return p, nil
	}
	b.mu.Unlock()
	return b.start(ctx)
}

// start starts a prober and greets it.
func (b *Bed) start(ctx context.Context) (*peer, error) {
	stream, err := b.cfg.Start(ctx)
	if err != nil {
		return nil, err
	}
	p := &peer{stream: stream}
	reply, err := p.Call(&protocol.Request{
		Op: protocol.Hello, Protocol: protocol.Version, Suite: "vmprobe " + b.cfg.Tool,
		Offered: protocol.Offer(b.cfg.Nonce),
	})
	if err != nil {
		return nil, errors.Join(p.explain(err), stream.Close())
	}
	p.greeting = *reply
	return p, nil
}
