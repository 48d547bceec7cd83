package network_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

func TestAddresses(t *testing.T) {
	k := sim.New(1)
	n := network.New(k)
	for i := 1; i <= 70_000; i++ {
		h := n.AddHost(fmt.Sprint("h", i))
		if i == 1 || i == 256 || i == 65_535 || i == 65_536 {
			want := map[int]string{1: "10.244.0.1", 256: "10.244.1.0", 65_535: "10.244.255.255", 65_536: "10.245.0.0"}[i]
			if h.Addr().String() != want {
				t.Errorf("host %d has %v, want %s", i, h.Addr(), want)
			}
		}
	}
	h := n.AddHost("h70000")
	if n.AddHost("h70000") != h || n.Host("h70000") != h || n.Host("none") != nil {
		t.Error("a name is a host")
	}
	if _, err := h.Listen(80, func(string) network.Decision { return network.Decision{Connect: network.Refuse} }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Listen(81, nil); err == nil {
		t.Error("a port without a gate")
	}
	var err error
	k.Go(1, func(task *sim.Task) { _, err = n.Host("h1").Dial(task, h.Addr().String()+":80", sim.Forever) })
	run(t, k)
	k.Close()
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// Tasks that are unwound in the middle of everything close their connections
// on a dead kernel; nothing may panic or stay.
func TestCloseOfTheKernelInTheMiddle(t *testing.T) {
	before := runtime.NumGoroutine()
	for stop := time.Duration(0); stop < 3*time.Millisecond; stop += 50 * time.Microsecond {
		k := sim.New(1)
		n := network.New(k)
		prober, web := n.AddHost("prober"), n.AddHost("web")
		_, _ = web.Listen(80, func(string) network.Decision {
			return network.Decision{Handler: func(s network.Session) network.Handler {
				return network.Blocking(k, web.Actor(), s, func(c net.Conn) {
					defer func() { _ = c.Close() }()
					_, _ = io.Copy(c, c)
				})
			}}
		})
		ch := network.NewChannel(k, "web")
		for i := range 4 {
			k.Go(sim.Actor(i), func(task *sim.Task) {
				c, err := prober.Dial(task, "web:80", sim.Forever)
				if err != nil {
					return
				}
				defer func() { _ = c.Close() }()
				_, _ = c.Write(make([]byte, 70_000*i))
				_, _ = io.ReadAll(c)
			})
			k.Go(sim.Actor(i), func(task *sim.Task) {
				c := ch.Conn(task)
				defer func() { _ = c.Close() }()
				_, _ = c.Write(make([]byte, 70_000*i))
				_, _ = io.ReadAll(c)
			})
		}
		_ = k.Run(stop)
		k.Close()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// Numbers that nobody should give do no harm.
func TestAbsurdNumbers(t *testing.T) {
	k, _, prober, web := world(t)
	_, _ = web.Listen(80, func(string) network.Decision { return network.Decision{Delay: -5, Handler: serveHTTP} })
	_, _ = web.Listen(81, func(string) network.Decision { return network.Decision{Delay: math.MaxInt64, Handler: serveHTTP} })
	_, _ = web.Listen(82, func(string) network.Decision { return network.Decision{Connect: "perhaps"} })
	ends := []func(){
		web.Loss(-3), web.Delay(-time.Hour), web.Bandwidth(-1), web.Bandwidth(math.MaxInt64),
		web.Delay(time.Nanosecond),
	}
	dial := func(address string) error {
		var err error
		k.Go(1, func(task *sim.Task) {
			var c net.Conn
			if c, err = prober.Dial(task, address, task.Now()+time.Second); err == nil {
				_, _ = c.Write([]byte("x"))
				_, err = io.ReadAll(c)
				_ = c.Close()
			}
		})
		run(t, k)
		return err
	}
	if err := dial("web:80"); err != nil {
		t.Error(err)
	}
	if err := dial("web:81"); class(err) != "timeout" {
		t.Error(err)
	}
	if err := dial("web:82"); class(err) != "refused" {
		t.Error(err)
	}
	ends = append(ends, web.Delay(math.MaxInt64), web.Delay(math.MaxInt64), web.Loss(400))
	if err := dial("web:80"); class(err) != "timeout" {
		t.Error(err)
	}
	for _, end := range ends {
		end()
	}
	if err := dial("web:80"); err != nil {
		t.Error(err)
	}
}

// A listener that was closed late does not close the port of its successor.
func TestCloserOfAnOldListener(t *testing.T) {
	k, _, prober, web := world(t)
	gate := func(string) network.Decision { return network.Decision{Handler: serveHTTP} }
	old, _ := web.Listen(80, gate)
	web.Crash()
	if !web.Down() {
		t.Error("not down")
	}
	web.Boot()
	_, _ = web.Listen(80, gate)
	old()
	dialed(t, k, prober, func(_ *sim.Task, c *network.Conn) {
		_, _ = c.Write([]byte("x"))
		if b, err := io.ReadAll(c); err != nil || string(b) != answer {
			t.Errorf("%q %v", b, err)
		}
		_ = c.Close()
	})
}

// Reference: virtual-time.md section 9: adding a VM changes no other draw, also
// when packets are lost.
func TestAnotherDialerChangesNothing(t *testing.T) {
	story := func(dialers ...int) map[int]string {
		k := sim.New(5)
		defer k.Close()
		n := network.New(k)
		prober := n.AddHost("prober")
		got := map[int]string{}
		for _, i := range dialers {
			name := fmt.Sprint("vm-", i)
			h := n.AddHost(name)
			h.Loss(30)
			_, _ = h.Listen(80, func(string) network.Decision { return network.Decision{Handler: serveHTTP} })
			k.Go(k.Name("probe-"+name), func(task *sim.Task) {
				for round := range time.Duration(20) {
					task.SleepUntil(round * 10 * time.Second)
					c, err := prober.Dial(task, name+":80", task.Now()+5*time.Second)
					if err == nil {
						_ = c.SetDeadline(sim.Epoch.Add(task.Now() + 5*time.Second))
						_, _ = c.Write([]byte("GET"))
						_, err = io.ReadAll(c)
						_ = c.Close()
					}
					got[i] += fmt.Sprintln(task.Now(), class(err))
				}
			})
		}
		run(t, k)
		return got
	}
	all := story(1, 2, 3, 4)
	some := story(4, 2)
	for _, i := range []int{2, 4} {
		if all[i] != some[i] || all[i] == all[1] {
			t.Errorf("vm-%d among four:\n%s\namong two:\n%s", i, all[i], some[i])
		}
	}
}

// The floor is 2 allocations an exchange; slabs make it less than one.
func TestExchangeAllocations(t *testing.T) {
	k, _, prober, web := world(t)
	server := &replier{reply: []byte(answer)}
	decision := network.Decision{Handler: func(s network.Session) network.Handler {
		server.s = s
		return server
	}}
	if _, err := web.Listen(80, func(string) network.Decision { return decision }); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	fn := func(task *sim.Task) {
		c, err := prober.Dial(task, "web:80", sim.Forever)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = c.Write(buf[:50])
		for err == nil {
			_, err = c.Read(buf)
		}
		_ = c.Close()
	}
	once := func() {
		k.Go(1, fn)
		_ = k.Run(k.Now() + time.Second)
	}
	once()
	if n := testing.AllocsPerRun(300, once); n > 1 {
		t.Errorf("%v allocations an exchange", n)
	}
}

// A connection may be handed from one task to another.
func TestBind(t *testing.T) {
	k, _, prober, web := world(t)
	accept(t, web, func(s network.Session) network.Handler { return &httpServer{s: s} })
	dialed(t, k, prober, func(_ *sim.Task, c *network.Conn) {
		k.Go(2, func(task *sim.Task) {
			c.Bind(task)
			_, _ = c.Write([]byte("x"))
			if b, err := io.ReadAll(c); err != nil || string(b) != answer {
				t.Errorf("%q %v", b, err)
			}
			_ = c.Close()
			c.Bind(task)
		})
	})
}

// A server that leaves bytes unread at first, and a peer that is gone when it
// looks: it still gets them, then the end.
func TestHoldOutlivesThePeer(t *testing.T) {
	k, n, prober, web := world(t)
	var s network.Session
	got := 0
	var ended []error
	accept(t, web, func(session network.Session) network.Handler {
		s = session
		s.(interface{ Hold(bool) }).Hold(true)
		return &taker{n: &got, end: &ended}
	})
	dialed(t, k, prober, func(_ *sim.Task, c *network.Conn) {
		_, _ = c.Write(make([]byte, 5000))
		_ = c.Close()
	})
	if got != 0 || len(ended) != 0 || n.Pooled() != 0 {
		t.Errorf("heard %d bytes, %v, while holding", got, ended)
	}
	s.(interface{ Hold(bool) }).Hold(false)
	if got != 5000 || len(ended) != 1 || ended[0] != nil || n.Pooled() != 1 {
		t.Errorf("heard %d bytes, %v; %d links free", got, ended, n.Pooled())
	}
}

type taker struct {
	n   *int
	end *[]error
}

func (h *taker) OnData(b []byte)   { *h.n += len(b) }
func (h *taker) OnClose(err error) { *h.end = append(*h.end, err) }
func (h *taker) OnDrained()        {}
