package network_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// TestStories runs the stories in testdata/stories: one action a line, "AT VERB
// ARGS...", and compares everything that the network's observer, the servers
// and the dialers saw, in order. Hosts are made by their first mention.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		t.Helper()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			seed := uint64(1)
			if d.HasArg("seed") {
				d.ScanArgs(t, "seed", &seed)
			}
			out := tell(t, seed, d.Input)
			if again := tell(t, seed, d.Input); again != out {
				t.Errorf("two runs differ:\n%s\n%s", out, again)
			}
			return out
		})
	})
}

// story is one run of a script.
type story struct {
	t   *testing.T
	k   *sim.Kernel
	n   *network.Network
	log strings.Builder
}

func tell(t *testing.T, seed uint64, script string) string {
	t.Helper()
	k := sim.New(seed)
	defer k.Close()
	s := &story{t: t, k: k, n: network.New(k)}
	s.n.Observe(s)
	for line := range strings.SplitSeq(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 {
			at, err := time.ParseDuration(f[0])
			if err != nil {
				t.Fatal(err)
			}
			a := &action{story: s, verb: f[1], args: f[2:]}
			k.Set(k.NewTimer(k.Name(line), a.do), at)
		}
	}
	if err := k.Run(20 * time.Minute); err != nil {
		s.note("run: %v", err)
	}
	return s.log.String()
}

func (s *story) note(format string, args ...any) {
	fmt.Fprintf(&s.log, "%-10v %s\n", s.k.Now(), fmt.Sprintf(format, args...))
}

// Observe logs what the network says of itself.
func (s *story) Observe(e network.Event) {
	if e.Kind == network.Dialed {
		return
	}
	bytes := ""
	if e.Kind == network.Closed || e.Kind == network.Reset {
		bytes = fmt.Sprintf(" sent=%d received=%d", e.Sent, e.Received)
	}
	s.note("%s>%s:%d %s%s", e.From, e.To, e.Port, e.Kind, bytes)
}

func (s *story) host(name string) *network.Host { return s.n.AddHost(name) }

// action is one line of a script.
type action struct {
	*story
	verb string
	args []string
}

func (a *action) opt(key string) string {
	for _, f := range a.args {
		if v, ok := strings.CutPrefix(f, key+"="); ok {
			return v
		}
	}
	return ""
}

func (a *action) duration(key string, otherwise time.Duration) time.Duration {
	if v := a.opt(key); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			a.t.Fatal(err)
		}
		return d
	}
	return otherwise
}

func (a *action) number(key string) int {
	v := a.opt(key)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return n
}

func (a *action) do() {
	if a.dial() || a.listen() {
		return
	}
	h := a.host(a.args[0])
	var end func()
	switch a.verb {
	case "partition":
		end = a.n.Partition(strings.Split(a.args[0], ","), strings.Split(a.args[1], ","))
	case "refuse":
		end = h.RefuseAll()
	case "halfopen":
		end = h.HalfOpen()
	case "delay":
		end = h.Delay(a.duration("by", 0))
	case "loss":
		end = h.Loss(a.number("percent"))
	case "bandwidth":
		end = h.Bandwidth(int64(a.number("bps")))
	case "freeze":
		end = h.Freeze()
	case "crash":
		h.Crash()
		end = h.Boot
	case "reset":
		h.ResetAll()
	case "forward":
		h.Forward([]uint16{uint16(a.number("port"))})
	case "latency":
		a.n.SetLatency(h, a.host(a.args[1]), a.duration("by", 0))
	default:
		a.t.Fatalf("verb %q", a.verb)
	}
	what := strings.Join(append([]string{a.verb}, a.args...), " ")
	a.note("-- %s", what)
	if d := a.duration("for", 0); d > 0 && end != nil {
		a.k.Set(a.k.NewTimer(a.k.Name(what), func() {
			a.note("-- end of %s", what)
			end()
			end() // ending twice is harmless
		}), a.k.Now()+d)
	}
}

// listen: "listen HOST PORT KIND [delay=D]".
func (a *action) listen() bool {
	if a.verb != "listen" {
		return false
	}
	port, _ := strconv.Atoi(a.args[1])
	kind := a.args[2]
	name := a.args[0] + ":" + a.args[1]
	_, err := a.host(a.args[0]).Listen(uint16(port), func(string) network.Decision {
		d := network.Decision{Delay: a.duration("delay", 0)}
		switch kind {
		case "refused", "blackhole", "unaccepted":
			a.note("%s has a SYN", name)
			d.Connect = network.Connect(kind)
			return d
		}
		d.Handler = func(s network.Session) network.Handler {
			a.note("%s accepts", name)
			h := &server{story: a.story, name: name, kind: kind, s: s}
			if kind == "banner" {
				s.Send([]byte("hello"))
				s.Close()
			}
			return h
		}
		return d
	})
	if err != nil {
		a.note("%v", err)
	}
	return true
}

// server is a handler of a simple kind.
type server struct {
	*story
	name, kind string
	s          network.Session
	got        int
}

func (v *server) OnData(b []byte) {
	v.got += len(b)
	switch v.kind {
	case "http":
		v.s.Send([]byte(answer))
		v.s.Close()
	case "echo":
		v.s.Send(b)
	case "partial": // part of a response, then RST
		v.s.Send([]byte(answer[:20]))
		v.s.Reset()
		v.note("%s resets", v.name)
	case "endless":
		v.s.Send(make([]byte, 20_000))
	}
	if v.kind != "sink" {
		v.note("%s has %d bytes", v.name, len(b))
	}
}

func (v *server) OnClose(err error) {
	v.note("%s hears the end after %d bytes: %v", v.name, v.got, err)
	v.s.Close()
}

func (v *server) OnDrained() {
	if v.kind == "endless" {
		v.s.Send(make([]byte, 20_000))
		v.note("%s sends more", v.name)
	}
}

// dial: "get FROM ADDRESS [timeout=D]" writes 10 bytes and reads to the end;
// "send FROM ADDRESS bytes=N" writes so many and closes, "connect" only
// connects. With pause=D it sleeps before it reads or closes.
func (a *action) dial() bool {
	switch a.verb {
	case "get", "send", "connect":
	default:
		return false
	}
	from := a.host(a.args[0])
	a.k.Go(a.k.Name("dialer "+strings.Join(a.args, " ")), func(t *sim.Task) {
		deadline := t.Now() + a.duration("timeout", time.Second)
		c, err := from.Dial(t, a.args[1], deadline)
		if err != nil {
			a.note("%s: %s", a.args[1], class(err))
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(sim.Epoch.Add(deadline))
		switch a.verb {
		case "send":
			n, err := c.Write(make([]byte, a.number("bytes")))
			a.note("%s: wrote %d, %s", a.args[1], n, class(err))
		case "get":
			if _, err := io.WriteString(c, "GET / ...."); err != nil {
				a.note("%s: write: %s", a.args[1], class(err))
				return
			}
		}
		t.SleepUntil(t.Now() + a.duration("pause", 0))
		if a.verb == "get" {
			limit := int64(1 << 30)
			if n := a.number("limit"); n > 0 {
				limit = int64(n)
			}
			b, err := io.ReadAll(io.LimitReader(c, limit))
			a.note("%s: %d bytes, %s", a.args[1], len(b), class(err))
		}
	})
	return true
}

func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "ETIMEDOUT"
	case errors.Is(err, syscall.EPIPE):
		return "EPIPE"
	}
	return err.Error()
}
