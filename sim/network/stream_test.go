package network_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// pattern is the byte at a place of a stream, so that a byte that is lost,
// doubled or moved is seen.
func pattern(stream, at int) byte { return byte(sim.Draw(1, uint64(stream), uint64(at))) }

// collector checks what a server receives and sends a stream of its own back.
type collector struct {
	t     *rapid.T
	s     network.Session
	id    int
	got   int
	reply int // bytes to send
	sent  int
	ended error
	heard bool
}

func (c *collector) OnData(b []byte) {
	for _, x := range b {
		if x != pattern(c.id, c.got) {
			c.t.Fatalf("stream %d: wrong byte at %d", c.id, c.got)
		}
		c.got++
	}
	c.push()
}

func (c *collector) push() {
	for n := 7000; c.sent < c.reply && c.s.Pending() < n; {
		m := min(n, c.reply-c.sent)
		b := make([]byte, m)
		for i := range b {
			b[i] = pattern(-c.id-1, c.sent+i)
		}
		c.s.Send(b)
		c.sent += m
	}
	if c.sent == c.reply {
		c.s.Close()
	}
}

func (c *collector) OnDrained() { c.push() }

func (c *collector) OnClose(err error) {
	if c.heard {
		c.t.Fatal("OnClose twice")
	}
	c.heard, c.ended = true, err
}

// Whatever is lost, delayed, cut, frozen or narrowed, as long as it ends:
// bytes arrive in order, exactly once, both ways; time never goes back; no
// connection is left behind.
func TestStreamsSurviveFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := sim.New(rapid.Uint64().Draw(t, "seed"))
		defer k.Close()
		n := network.New(k)
		hosts := []*network.Host{n.AddHost("a"), n.AddHost("b"), n.AddHost("c")}
		var servers []*collector
		next := 0
		for _, h := range hosts {
			for port := range uint16(4) {
				reply := rapid.IntRange(0, 100_000).Draw(t, "reply")
				_, err := h.Listen(80+port, func(string) network.Decision {
					return network.Decision{Handler: func(s network.Session) network.Handler {
						c := &collector{t: t, s: s, id: int(port), reply: reply}
						servers = append(servers, c)
						return c
					}}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		dials := rapid.IntRange(1, 6).Draw(t, "dials")
		finished := 0
		for i := range dials {
			from := rapid.SampledFrom(hosts).Draw(t, "from")
			to := rapid.SampledFrom(hosts).Draw(t, "to")
			port := rapid.IntRange(0, 3).Draw(t, "port")
			size := rapid.IntRange(1, 150_000).Draw(t, "size")
			start := time.Duration(rapid.IntRange(0, 2000).Draw(t, "start")) * time.Millisecond
			k.Go(sim.Actor(i), func(task *sim.Task) {
				task.SleepUntil(start)
				c, err := from.Dial(task, fmt.Sprintf("%s:%d", to.Name(), 80+port), sim.Forever)
				if err != nil {
					t.Fatal(err)
				}
				exchange(t, c, port, size)
				finished++
			})
		}
		for range rapid.IntRange(0, 8).Draw(t, "faults") {
			at := time.Duration(rapid.IntRange(0, 3000).Draw(t, "at")) * time.Millisecond
			last := time.Duration(rapid.IntRange(1, 5000).Draw(t, "for")) * time.Millisecond
			h := rapid.SampledFrom(hosts).Draw(t, "host")
			kind := rapid.IntRange(0, 5).Draw(t, "kind")
			size := rapid.IntRange(1, 60).Draw(t, "much")
			k.Set(k.NewTimer(1000, func() {
				end := apply(n, h, hosts[0], kind, size)
				k.Set(k.NewTimer(1000, end), k.Now()+last)
			}), at)
		}
		for last := time.Duration(0); ; next++ {
			at, ok := k.Next()
			if !ok {
				break
			}
			if at < last {
				t.Fatalf("from %v back to %v", last, at)
			}
			last = at
			if err := k.Run(at); err != nil {
				t.Fatal(err)
			}
		}
		if finished != dials || len(servers) != dials {
			t.Fatalf("%d of %d dialers, %d servers", finished, dials, len(servers))
		}
		for _, s := range servers {
			if s.sent != s.reply || !s.heard {
				t.Errorf("server sent %d of %d bytes, heard the end: %v", s.sent, s.reply, s.heard)
			}
		}
		for _, h := range hosts {
			if h.Established() != 0 {
				t.Errorf("%s keeps %d connections", h.Name(), h.Established())
			}
		}
	})
}

func exchange(t *rapid.T, c io.ReadWriteCloser, id, size int) {
	b := make([]byte, size)
	for i := range b {
		b[i] = pattern(id, i)
	}
	if n, err := c.Write(b); err != nil || n != size {
		t.Fatalf("wrote %d: %v", n, err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read %d: %v", len(got), err)
	}
	for i, x := range got {
		if x != pattern(-id-1, i) {
			t.Fatalf("wrong byte at %d of %d", i, len(got))
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func apply(n *network.Network, h, other *network.Host, kind, much int) (end func()) {
	switch kind {
	case 0:
		return h.Loss(much)
	case 1:
		return h.Delay(time.Duration(much) * time.Millisecond)
	case 2:
		return h.Freeze()
	case 3:
		return h.Bandwidth(int64(much) * 2000)
	case 4:
		return h.HalfOpen()
	}
	return n.Partition([]string{h.Name()}, []string{other.Name()})
}

// An endless sender does not grow: 10 GB of body, a reader of 1 MB, and the
// memory of one window.
func TestEndlessSenderIsHeldBack(t *testing.T) {
	k, n, prober, web := world(t)
	chunk := make([]byte, 16<<10)
	most := 0
	_, _ = web.Listen(80, func(string) network.Decision {
		return network.Decision{Handler: func(s network.Session) network.Handler {
			for s.Pending() < 128<<10 {
				s.Send(chunk)
			}
			return &pusher{s: s, chunk: chunk, most: &most}
		}}
	})
	k.Go(1, func(task *sim.Task) {
		c, err := prober.Dial(task, "web:80", sim.Forever)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		got, err := io.CopyN(io.Discard, c, 1<<20)
		if got != 1<<20 || err != nil {
			t.Error(got, err)
		}
		task.SleepUntil(task.Now() + time.Minute)
	})
	run(t, k)
	if most > 128<<10 {
		t.Errorf("%d bytes pending", most)
	}
	if n.Pooled() != 1 {
		t.Errorf("%d links in the pool", n.Pooled())
	}
}

type pusher struct {
	s     network.Session
	chunk []byte
	most  *int
}

func (p *pusher) OnData([]byte) {}
func (p *pusher) OnClose(error) {}
func (p *pusher) OnDrained() {
	for p.s.Pending() < 128<<10 {
		p.s.Send(p.chunk)
	}
	*p.most = max(*p.most, p.s.Pending())
}

func world(t *testing.T) (*sim.Kernel, *network.Network, *network.Host, *network.Host) {
	t.Helper()
	k := sim.New(1)
	t.Cleanup(k.Close)
	n := network.New(k)
	return k, n, n.AddHost("prober"), n.AddHost("web")
}

func run(t *testing.T, k *sim.Kernel) {
	t.Helper()
	if err := k.Run(k.Now() + time.Hour); err != nil {
		t.Fatal(err)
	}
}

// Ends that are kept after the end of a connection must not reach the next
// one that uses the same memory.
func TestOldEndsAreDead(t *testing.T) {
	k, n, prober, web := world(t)
	var sessions []network.Session
	_, _ = web.Listen(80, func(string) network.Decision {
		return network.Decision{Handler: func(s network.Session) network.Handler {
			sessions = append(sessions, s)
			return &httpServer{s: s}
		}}
	})
	k.Go(1, func(task *sim.Task) {
		var old io.ReadWriteCloser
		for i := range 3 {
			c, err := prober.Dial(task, "web:80", sim.Forever)
			if err != nil {
				t.Error(err)
				return
			}
			if i > 0 {
				if _, err := old.Write([]byte("x")); err == nil {
					t.Error("a closed connection writes")
				}
				if _, err := old.Read(make([]byte, 1)); err == nil {
					t.Error("a closed connection reads")
				}
				if err := old.Close(); err == nil {
					t.Error("a closed connection closes")
				}
				sessions[0].Send([]byte("ghost"))
				sessions[0].Reset()
				sessions[0].Close()
				if sessions[0].Pending() != 0 || sessions[0].Remote() != "" {
					t.Error("a dead session is alive")
				}
			}
			_, _ = c.Write([]byte("request"))
			b, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(b, []byte(answer)) {
				t.Errorf("%d: %q, %v", i, b, err)
			}
			_ = c.Close()
			task.SleepUntil(task.Now() + time.Second)
			old = c
		}
	})
	run(t, k)
	if n.Pooled() != 1 {
		t.Errorf("%d links for connections one after the other", n.Pooled())
	}
}
