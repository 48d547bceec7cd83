package fakevm

import (
	"runtime"
	"testing"
	"time"
)

// TestEndlessCostsNoMemory lets a guest send hundreds of megabytes to a reader
// that takes them, and to one that does not.
func TestEndlessCostsNoMemory(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply HTTPReply
	}{
		{"endless body", HTTPReply{Status: 200, Endless: "body"}},
		{"endless chunks", HTTPReply{Status: 200, Endless: "body", Framing: "chunked"}},
		{"endless headers", HTTPReply{Status: 200, Endless: "headers"}},
		{"endless interim", HTTPReply{Endless: "interim"}},
		{"10 GB body", HTTPReply{Status: 200, BodyBytes: 10 << 30}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newScriptHost()
			g, err := New(h, Program{Endpoints: []Endpoint{{Kind: HTTP, Port: 80, Steps: []Step{{
				Replies: []Counted{{Reply: Reply{HTTP: &tc.reply}}},
			}}}}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			g.Boot(0)
			c := &scriptConn{host: h}
			c.handler = h.gates[80]("").Handler(c)
			h.slow = true
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.handler.OnData([]byte("GET / HTTP/1.1\r\n\r\n"))
			for c.total < 300<<20 {
				had := c.total
				c.drain()
				if c.total == had {
					t.Fatalf("stops after %d bytes", had)
				}
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("%d bytes allocated for %d sent", grown, c.total)
			}
			if h.maxPending > windowBytes+pieceBytes {
				t.Errorf("%d bytes were pending", h.maxPending)
			}
			// The reader leaves: sending ends.
			c.handler.OnClose(nil)
			had := c.total
			c.drain()
			h.run(time.Minute, 100)
			if c.total != had {
				t.Errorf("%d bytes sent to nobody", c.total-had)
			}
		})
	}
}

// TestAgentFlood: an agent that sends 11 MiB without a newline, or a million
// event objects, keeps within its window.
func TestAgentFlood(t *testing.T) {
	for _, r := range []AgentReply{
		{RawBytes: 11 << 20},
		{Before: `{"event": "X", "data": {}}` + "\n", Repeat: 1_000_000},
	} {
		h := newScriptHost()
		g, err := New(h, Program{Endpoints: []Endpoint{{Kind: Agent, Steps: []Step{{
			Replies: []Counted{{Reply: Reply{Agent: &r}}},
		}}}}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		g.Boot(0)
		h.slow = true
		h.agent.handler.OnData([]byte(`{"execute":"guest-ping"}` + "\n"))
		for {
			had := h.agent.total
			h.agent.drain()
			if h.agent.total == had {
				break
			}
		}
		if h.agent.total < 11<<20 {
			t.Errorf("only %d bytes sent", h.agent.total)
		}
		if h.maxPending > windowBytes+pieceBytes {
			t.Errorf("%d bytes were pending", h.maxPending)
		}
	}
}

// TestRunningAttempts holds what a plain request costs the guest.
func TestPlainRequestAllocations(t *testing.T) {
	h := &quietHost{}
	g, err := New(h, Program{Endpoints: []Endpoint{{Kind: HTTP, Port: 80, Steps: []Step{{
		Replies: []Counted{{Reply: Reply{HTTP: &HTTPReply{Status: 200, Body: "ok"}}}},
	}}}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.Boot(0)
	request := []byte("GET /healthz HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.37\r\nAccept: */*\r\nConnection: close\r\n\r\n")
	n := testing.AllocsPerRun(100, func() {
		d := h.gate("")
		handler := d.Handler(h)
		handler.OnData(request)
		handler.OnClose(nil)
	})
	if n > 8 {
		t.Errorf("%v allocations a request", n)
	}
	t.Logf("%v allocations a request", n)
}

// quietHost takes everything and keeps nothing.
type quietHost struct{ gate Gate }

func (h *quietHost) Now() time.Duration                      { return 0 }
func (h *quietHost) At(time.Duration, func()) func()         { return func() {} }
func (h *quietHost) Listen(_ uint16, g Gate) (func(), error) { h.gate = g; return func() {}, nil }
func (h *quietHost) AgentChannel(func(Session) Handler) (Session, error) {
	return h, nil
}
func (h *quietHost) Blocking(Session, func(BlockingConn)) Handler { return nil }
func (h *quietHost) Log(Record)                                   {}
func (h *quietHost) Send([]byte)                                  {}
func (h *quietHost) Pending() int                                 { return 0 }
func (h *quietHost) Close()                                       {}
func (h *quietHost) Reset()                                       {}
func (h *quietHost) Remote() string                               { return "" }
