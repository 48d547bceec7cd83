package fakevm

import "testing"

// TestTake: the model sees the same replies in the same order as connections
// do.
func TestTake(t *testing.T) {
	h := newScriptHost()
	g, err := New(h, Program{Endpoints: []Endpoint{
		{Kind: HTTP, Port: 80, Steps: []Step{{At: 5, Replies: []Counted{
			{Reply: Reply{HTTP: &HTTPReply{Status: 200}}, Times: 2}, {Reply: Reply{HTTP: &HTTPReply{Status: 503}}},
		}}}},
		{Kind: TCP, Port: 22, Steps: []Step{{Replies: []Counted{{Reply: Reply{TCP: &TCPReply{Backlog: 1}}}}}}},
		{Kind: Agent, Steps: []Step{{Replies: []Counted{{}}}}},
	}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.Boot(0)
	if r, kind, ok := g.Take(TCP, 80); r != nil || kind != HTTP || !ok {
		t.Errorf("before the first step: %v, %s, %v", r, kind, ok)
	}
	h.run(5, 10)
	for i, want := range []int{200, 200, 503, 503} {
		if i == 1 { // a connection counts like a taken reply
			c := &scriptConn{host: h}
			h.gates[80]("").Handler(c).OnData([]byte("GET / HTTP/1.1\r\n\r\n"))
			continue
		}
		if r, _, ok := g.Take(HTTP, 80); !ok || r.HTTP.Status != want {
			t.Errorf("use %d: %+v, want %d", i+1, r, want)
		}
	}
	for i, want := range []Connect{Unaccepted, Blackhole, Blackhole} {
		if r, _, _ := g.Take(TCP, 22); r.Connect != want {
			t.Errorf("connection %d to a full queue: %q, want %q", i+1, r.Connect, want)
		}
	}
	if _, kind, ok := g.Take(Agent, 0); kind != Agent || !ok {
		t.Error("the agent is not found")
	}
	for _, port := range []uint16{0, 81} {
		if _, _, ok := g.Take(Exec, port); ok {
			t.Errorf("found what is not scripted at %d", port)
		}
	}
}
