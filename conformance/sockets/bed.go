package sockets

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/claims"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// DefaultTimeout is how long a prober may take to answer a message.
const DefaultTimeout = 10 * time.Second

// Config of a Bed; Argv is needed.
type Config struct {
	// Argv is the prober with its arguments.
	Argv []string
	// Timeout is how long it may take to answer a message; default
	// DefaultTimeout.
	Timeout time.Duration
	// Tool is the version written into traces.
	Tool string
	// Nonce is what the canaries of this run are drawn from.
	Nonce string
	// Longest leaves out cases that take longer; 0: none.
	Longest time.Duration
}

// Bed is the testbed "loopback" with a prober behind the sockets door. It is
// safe for concurrent use, and means it: all cases should run at once.
type Bed struct {
	cfg      Config
	ground   *loopback.Bed
	pool     *pool
	watch    *watch
	greeting protocol.Reply
	runs     atomic.Int64 // that have begun
	present  atomic.Int64 // that are under way
}

// New starts a first prober and greets it. Close must be called.
func New(ctx context.Context, cfg Config) (*Bed, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	ground, err := loopback.New(cfg.Tool)
	if err != nil {
		return nil, err
	}
	b := &Bed{cfg: cfg, ground: ground}
	b.pool = newPool(b.start)
	if b.watch, err = newWatch(b.pool); err != nil {
		return nil, errors.Join(err, ground.Close())
	}
	p, _, err := b.pool.takeAlone(ctx, 1)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.greeting = p[0].greeting
	b.pool.idle = append(b.pool.idle, p[0])
	return b, nil
}

// start starts a prober and greets it.
func (b *Bed) start(ctx context.Context) (*process, error) {
	p, err := start(ctx, b.cfg.Argv, b.cfg.Timeout)
	if err != nil {
		return nil, err
	}
	err = greet(ctx, p, protocol.Request{
		Op: protocol.Hello, Protocol: protocol.Version, Suite: "vmprobe " + b.cfg.Tool, Door: protocol.Sockets,
		Offered: b.offer(),
	})
	if err != nil {
		_ = p.close() // the greeting says what is wrong
		return nil, err
	}
	return p, nil
}

// offer is what a prober of this door may claim.
func (b *Bed) offer() []string { return append(protocol.Offer(b.cfg.Nonce), protocol.ClusterEvents) }

// Canaries are the features that were offered and do not exist.
func (b *Bed) Canaries() []string { return protocol.Canaries(b.offer()) }

// Ready starts the processes that the cases will need when all of them run at
// once, so that no clock runs while interpreters start.
func (b *Bed) Ready(ctx context.Context, cases []*scenarios.Case) error {
	seats, alone := 0, 0
	for _, c := range cases {
		if b.Unsupported(c) != "" || len(b.Unclaimed(c)) > 0 || rejected(c) {
			continue
		}
		if n := restarts(c); n > 0 {
			alone += 1 + n
		} else {
			seats++
		}
	}
	return b.pool.ready(ctx, seats, alone)
}

// Close ends all probers and removes the sockets: nothing is left.
func (b *Bed) Close() error {
	return errors.Join(b.watch.close(), b.pool.close(), b.ground.Close())
}

// Implementation is what the prober calls itself.
func (b *Bed) Implementation() protocol.Implementation { return *b.greeting.Implementation }

// Claims are the features that the prober claims, in the order of the offer;
// whether it tells of events is no claim.
func (b *Bed) Claims() []string {
	return slices.DeleteFunc(slices.Clone(b.greeting.Features), func(f string) bool { return f == protocol.ClusterEvents })
}

// Name implements testbed.Testbed.
func (b *Bed) Name() string { return b.ground.Name() }

// Unsupported implements testbed.Testbed.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	if b.cfg.Longest > 0 && c.Until > b.cfg.Longest {
		return "it takes longer than " + b.cfg.Longest.String() + " of real time"
	}
	return b.ground.UnsupportedDoor(c)
}

// Unclaimed lists what a case needs and the prober does not claim.
func (b *Bed) Unclaimed(c *scenarios.Case) []string {
	var missing []string
	if name := string(c.Profile.Name); len(b.greeting.Profiles) > 0 && !slices.Contains(b.greeting.Profiles, name) {
		missing = append(missing, "profile "+name)
	}
	needs := claims.Needs(c)
	if wantsEvents(c) {
		needs = append(needs, protocol.ClusterEvents)
	}
	for _, f := range needs {
		if !slices.Contains(b.greeting.Features, f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// wantsEvents tells whether a case expects events that the prober causes.
func wantsEvents(c *scenarios.Case) bool {
	for _, e := range c.Expect {
		for _, want := range e.Events {
			if want.Min > 0 && slices.Contains([]string{"Unhealthy", "ProbeWarning", "GuestAgentPingFailed"}, want.Reason) {
				return true
			}
		}
	}
	return false
}

// restarts is how often the story of a case restarts the prober.
func restarts(c *scenarios.Case) (n int) {
	for i := range c.Events {
		if c.Events[i].Kind == scenarios.RestartProber {
			n++
		}
	}
	return n
}

// rejected tells whether the API rejects a manifest, so that nothing runs.
func rejected(c *scenarios.Case) bool {
	return slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool { return v.Resolved.Rejected() })
}

// Run implements testbed.Testbed: it takes as long as the case says.
func (b *Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	// A manifest that the API rejects reaches no prober.
	if rejected(c) {
		return simbed.Bed{Tool: b.cfg.Tool, Bare: true}.Run(ctx, c, seed)
	}
	r := &run{id: b.runs.Add(1)}
	b.present.Add(1)
	defer b.present.Add(-1)
	var err error
	if r.open, err = protocol.Opening(c, seed); err != nil {
		return nil, err
	}
	leave, err := b.staff(ctx, r, restarts(c))
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := b.spread(ctx, r); err != nil {
		return nil, err
	}
	t, err := b.play(ctx, r, c, seed)
	switch {
	case err == nil:
		t.Late = max(t.Late, time.Duration(r.lateness.Load()))
		return t.Seen(trace.ViewGuest), nil
	case ctx.Err() != nil: // its prober was killed
		return nil, ctx.Err()
	}
	if broken, ok := errors.AsType[*protocol.Broken](err); ok {
		return nil, broken
	}
	return nil, r.process.explain(err)
}

// spread lets a run begin at a moment of its own within a second, when there
// are others: periods are whole seconds, and all guests would be asked at once.
func (b *Bed) spread(ctx context.Context, r *run) error {
	if b.present.Load() == 1 {
		return nil
	}
	const golden = 618_033_988 // of a second: the next one is far from all before
	t := time.NewTimer(time.Duration(r.id * golden % int64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// staff gives a run its process, and those that follow it.
func (b *Bed) staff(ctx context.Context, r *run, restarts int) (leave func(), err error) {
	if restarts == 0 {
		r.process, leave, err = b.pool.take(ctx)
		return leave, err
	}
	list, leave, err := b.pool.takeAlone(ctx, 1+restarts)
	if err != nil {
		return nil, err
	}
	r.process, r.next = list[0], list[1:]
	return leave, nil
}

// play runs one case from open to close.
func (b *Bed) play(ctx context.Context, r *run, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	if err := r.process.begin(r); err != nil {
		return nil, err
	}
	if _, err := r.process.ask(ctx, r.message(*r.open)); err != nil {
		return nil, err
	}
	t, err := b.ground.RunDoor(ctx, c, seed, r.door)
	if closed := r.close(ctx); err == nil {
		err = closed
	}
	return t, err
}
