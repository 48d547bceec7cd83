package network_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// agent answers every line after a while.
type agent struct {
	k     *sim.Kernel
	s     network.Session
	name  string
	after time.Duration
	seen  []string
}

func (a *agent) OnData(b []byte) {
	a.seen = append(a.seen, strings.TrimSpace(string(b)))
	reply := fmt.Appendf(nil, "%s:%s", a.name, b)
	a.k.Set(a.k.NewTimer(1, func() { a.s.Send(reply) }), a.k.Now()+a.after)
}
func (a *agent) OnClose(error) {}
func (a *agent) OnDrained()    {}

func (a *agent) open(s network.Session) network.Handler {
	a.s = s
	return a
}

func TestChannel(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	ch := network.NewChannel(k, "web")
	var log []string
	ch.OnChange(func(open bool) { log = append(log, fmt.Sprintf("%v open=%v", k.Now(), open)) })
	first := &agent{k: k, name: "first", after: time.Millisecond}
	second := &agent{k: k, name: "second", after: time.Millisecond}
	at := func(d time.Duration, fn func()) { k.Set(k.NewTimer(2, fn), d) }
	at(time.Second, func() {
		if _, err := ch.Open(first.open); err != nil {
			t.Error(err)
		}
		if _, err := ch.Open(second.open); !errors.Is(err, network.ErrPortOpen) {
			t.Error(err)
		}
	})
	at(5*time.Second, func() { first.s.Close() })
	at(10*time.Second, func() { _, _ = ch.Open(second.open) })
	at(20*time.Second, func() {
		thaw := ch.Freeze()
		at(30*time.Second, thaw)
	})
	at(40*time.Second, ch.Destroy)
	k.Go(k.Name("libvirt"), func(task *sim.Task) {
		c := ch.Conn(task)
		lines := bufio.NewReader(c)
		ask := func(at time.Duration, line string, patience time.Duration) {
			task.SleepUntil(at)
			_ = c.SetDeadline(sim.Epoch.Add(at + patience))
			if _, err := io.WriteString(c, line+"\n"); err != nil {
				log = append(log, fmt.Sprintf("%v %s: write: %s", task.Now(), line, class(err)))
				return
			}
			reply, err := lines.ReadString('\n')
			log = append(log, fmt.Sprintf("%v %s: %q %s", task.Now(), line, reply, class(err)))
		}
		ask(0, "early", 500*time.Millisecond)  // nobody there: kept for the first agent
		ask(2*time.Second, "two", time.Second) // gets the stale reply of "early"
		ask(3*time.Second, "drain", time.Second)
		ask(6*time.Second, "gap", time.Second) // closed: reaches the second agent
		ask(11*time.Second, "eleven", time.Second)
		ask(21*time.Second, "frozen", time.Second)
		ask(31*time.Second, "thawed", time.Second)
		ask(39*time.Second, "last", 5*time.Second)
		ask(39500*time.Millisecond, "late", 5*time.Second)
		ask(41*time.Second, "gone", time.Second)
	})
	if err := k.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`500ms early: "" timeout`,
		`1s open=true`,
		`2s two: "first:early\n" ok`,
		`3s drain: "first:two\n" ok`,
		`5s open=false`,
		`6s gap: "first:drain\n" ok`,
		`10s open=true`,
		`11s eleven: "second:gap\n" ok`,
		`21s frozen: "second:eleven\n" ok`,
		`31s thawed: "second:frozen\n" ok`,
		`39s last: "second:thawed\n" ok`,
		`39.5s late: "second:last\n" ok`,
		`40s open=false`,
		`41s gone: write: EPIPE`,
	}
	if got := strings.Join(log, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if got := fmt.Sprint(first.seen, second.seen); got != "[early two drain] [gap eleven frozen thawed last late]" {
		t.Error(got)
	}
}

func TestChannelRoundTrip(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	ch := network.NewChannel(k, "web")
	a := &agent{k: k, name: "a"}
	_, _ = ch.Open(a.open)
	k.Go(1, func(task *sim.Task) {
		c := ch.Conn(task)
		_, _ = io.WriteString(c, "ping\n")
		b := make([]byte, 100)
		n, err := c.Read(b)
		if string(b[:n]) != "a:ping\n" || err != nil || task.Now() != 2*network.ChannelLatency {
			t.Errorf("%q %v at %v", b[:n], err, task.Now())
		}
	})
	if err := k.Run(time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestChannelBufferIsLimited(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	ch := network.NewChannel(k, "web")
	k.Go(1, func(task *sim.Task) {
		c := ch.Conn(task)
		_ = c.SetDeadline(sim.Epoch.Add(time.Second))
		n, err := c.Write(make([]byte, 100_000))
		if n != network.Window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(n, err)
		}
		_ = c.SetDeadline(time.Time{})
		if n, err := c.Write(make([]byte, 5)); n != 5 || err != nil || task.Now() < 2*time.Second {
			t.Error(n, err, task.Now())
		}
		task.SleepUntil(4 * time.Second)
		b := make([]byte, 10)
		if _, err := c.Read(b); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if _, err := c.Write(b); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
	})
	got := 0
	k.Set(k.NewTimer(2, func() {
		_, _ = ch.Open(func(network.Session) network.Handler { return counter{&got} })
	}), 2*time.Second)
	k.Set(k.NewTimer(2, ch.Destroy), 3*time.Second)
	if err := k.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got != network.Window+5 {
		t.Errorf("the agent got %d bytes", got)
	}
}

type counter struct{ n *int }

func (c counter) OnData(b []byte) { *c.n += len(b) }
func (counter) OnClose(error)     {}
func (counter) OnDrained()        {}

func TestChannelEnds(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	ch := network.NewChannel(k, "web")
	if ch.Connected() {
		t.Error("open before Open")
	}
	drained := 0
	s, err := ch.Open(func(network.Session) network.Handler { return &drainCount{n: &drained} })
	if err != nil || !ch.Connected() || s.Remote() != "web" {
		t.Fatal(err)
	}
	s.Send([]byte("hello"))
	if s.Pending() != 5 {
		t.Errorf("%d bytes pending", s.Pending())
	}
	var view net.Conn
	k.Go(1, func(task *sim.Task) {
		view = ch.Conn(task)
		b := make([]byte, 10)
		_ = view.SetReadDeadline(sim.Epoch.Add(time.Second))
		if n, err := view.Read(b); n != 5 || err != nil {
			t.Error(n, err)
		}
		if _, err := view.Read(b); class(err) != "timeout" || task.Now() != time.Second {
			t.Error(err)
		}
		if _, err := view.Read(b); class(err) != "timeout" {
			t.Error(err)
		}
		_ = view.SetWriteDeadline(sim.Epoch.Add(time.Second))
		if _, err := view.Write(b); class(err) != "timeout" {
			t.Error(err)
		}
		_ = view.SetDeadline(time.Time{})
		if _, err := view.Read(b); !errors.Is(err, net.ErrClosed) || task.Now() != 2*time.Second {
			t.Error(err, task.Now())
		}
		if _, err := view.Write(b); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if view.RemoteAddr().String() != "web" || view.LocalAddr().Network() != "unix" {
			t.Error(view.RemoteAddr(), view.LocalAddr())
		}
	})
	k.Set(k.NewTimer(2, func() { _ = view.Close() }), 2*time.Second)
	k.Set(k.NewTimer(2, func() {
		s.Send([]byte("lost"))
		s.Reset()
		s.Send([]byte("x"))
		s.Close()
		if s.Pending() != 0 || ch.Connected() || ch.Buffered() != 0 {
			t.Error("after Reset")
		}
		ch.Destroy()
		ch.Destroy()
		if _, err := ch.Open(nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}), 3*time.Second)
	if err := k.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if drained != 1 {
		t.Errorf("drained %d times", drained)
	}
}

type drainCount struct{ n *int }

func (drainCount) OnData([]byte) {}
func (drainCount) OnClose(error) {}
func (d drainCount) OnDrained()  { *d.n++ }

// TestChannelForgets: what the host side has not read is lost with its
// connection, and the agent that waited for room goes on.
func TestChannelForgets(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	ch := network.NewChannel(k, "web")
	drained := 0
	s, err := ch.Open(func(network.Session) network.Handler { return &drainCount{n: &drained} })
	if err != nil {
		t.Fatal(err)
	}
	s.Send(make([]byte, 100_000))
	if err := k.Run(time.Second); err != nil || ch.Buffered() != 100_000 || ch.Unread() != 100_000 || drained != 0 {
		t.Fatal(err, ch.Buffered(), ch.Unread(), drained)
	}
	ch.Forget()
	if ch.Buffered() != 0 || ch.Unread() != 0 || s.Pending() != 0 {
		t.Error(ch.Buffered(), ch.Unread(), s.Pending())
	}
	s.Send([]byte("new"))
	k.Go(1, func(task *sim.Task) {
		b := make([]byte, 10)
		if n, err := ch.Conn(task).Read(b); err != nil || string(b[:n]) != "new" {
			t.Errorf("read %q, %v", b[:n], err)
		}
	})
	if err := k.Run(2 * time.Second); err != nil || drained != 1 {
		t.Error(err, drained)
	}
	ch.Forget()
	if err := k.Run(3 * time.Second); err != nil || drained != 2 {
		t.Errorf("%v: an agent that waits for room was told %d times", err, drained)
	}
}
