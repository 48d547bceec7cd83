package fakevm

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// FuzzHTTPRequest feeds a server any bytes, whole and cut in two: it survives,
// answers at most what was asked, and does not depend on the cut.
func FuzzHTTPRequest(f *testing.F) {
	f.Add([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"), 7)
	f.Add([]byte("GET / HTTP/1.1\n\nGET /2 HTTP/1.1\n\n"), 16)
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), 1)
	f.Add([]byte("GET  HTTP/1.1\r\n:\r\n\r\n"), 3)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		run := func(pieces ...[]byte) ([]Record, int64) {
			h := newScriptHost()
			g, err := New(h, Program{Endpoints: []Endpoint{{Kind: HTTP, Port: 80, Steps: []Step{{Replies: []Counted{{
				Reply: Reply{HTTP: &HTTPReply{Status: 200, End: EndOpen, Require: &HTTPRequire{
					Method: "GET", Host: "x", HeaderOrder: []string{"A"}, NoBody: true,
				}}},
			}}}}}}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			g.Boot(0)
			c := &scriptConn{host: h}
			c.handler = h.gates[80]("").Handler(c)
			for _, p := range pieces {
				c.handler.OnData(p)
				if !h.run(h.now, 10_000) {
					t.Fatal("the server never comes to rest")
				}
			}
			c.handler.OnClose(nil)
			return h.records, c.total
		}
		whole, sent := run(in)
		if n := bytes.Count(in, []byte("\n")); int64(n+1)*100 < sent {
			t.Fatalf("%d bytes sent for %d lines", sent, n)
		}
		k := min(max(cut, 0), len(in))
		if len(in) > maxRequestHead/2 {
			return // beyond the cap it matters what is kept
		}
		parts, _ := run(in[:k], in[k:])
		if len(whole) != len(parts) {
			t.Fatalf("%d records in one piece, %d in two", len(whole), len(parts))
		}
		for i := range whole {
			if recordLine(whole[i]) != recordLine(parts[i]) {
				t.Fatalf("record %d: %s\nin two pieces: %s", i, recordLine(whole[i]), recordLine(parts[i]))
			}
		}
	})
}

// FuzzAgentCommand feeds the agent any bytes: every reply is a line of JSON,
// and what is complete is answered.
func FuzzAgentCommand(f *testing.F) {
	f.Add([]byte(`{"execute":"guest-sync","arguments":{"id":1}}` + "\n"))
	f.Add([]byte("\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":1}}\n"))
	f.Add([]byte(`{"execute":"guest-exec","arguments":{"path":"a","arg":["b"],"capture-output":true}}{"execute":"guest-exec-status","arguments":{"pid":1000}}`))
	f.Add([]byte(`[{"execute":"}"},"\"` + "\n{}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h := newScriptHost()
		g, err := New(h, Program{Endpoints: []Endpoint{
			{Kind: Agent, Steps: []Step{{Replies: []Counted{{}}}}},
			{Kind: Exec, Steps: []Step{{Replies: []Counted{{Reply: Reply{Exec: &ExecReply{Output: "x"}}}}}}},
		}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		g.Boot(0)
		h.run(0, 10)
		var all bytes.Buffer
		rec := &recording{scriptConn: h.agent, all: &all}
		g.agent.conn.s = rec
		h.agent.handler.OnData(in)
		h.run(time.Second, 100_000)
		// After anything, a sentinel and a ping are answered by a pong.
		all.WriteByte('\n')
		h.agent.handler.OnData([]byte("\xff" + `{"execute":"guest-ping"}` + "\n"))
		lines := bytes.Split(bytes.TrimSpace(all.Bytes()), []byte("\n"))
		for _, l := range lines {
			l = bytes.TrimPrefix(l, []byte{resync})
			if len(l) > 0 && !json.Valid(l) {
				t.Fatalf("reply is no JSON: %q", l)
			}
		}
		if got := string(lines[len(lines)-1]); got != `{"return": {}}` {
			t.Fatalf("the ping after it got %q", got)
		}
	})
}

// recording keeps everything that is sent.
type recording struct {
	*scriptConn
	all *bytes.Buffer
}

func (r *recording) Send(b []byte) { r.all.Write(b); r.scriptConn.Send(b) }

// FuzzProgram decodes any program; what Check accepts must run without panic,
// and what a guest does is bounded.
func FuzzProgram(f *testing.F) {
	f.Add([]byte(`{"endpoints":[{"kind":"http","port":80,"steps":[{"at":0,"replies":[{"reply":{"http":{"status":200,"endless":"body","framing":"chunked","stallAfter":5}}}]}]}]}`), uint8(1))
	f.Add([]byte(`{"endpoints":[{"kind":"agent","steps":[{"at":5,"replies":[{"reply":{"agent":{"rawBytes":99999999}}}]}]}],"power":[{"at":9,"do":"hang","for":3}]}`), uint8(2))
	f.Add([]byte(`{"endpoints":[{"kind":"exec","steps":[{"at":0,"replies":[{"reply":{"exec":{"outputBytes":1000000}}}]}]}],"freezes":[{"at":1,"for":2}]}`), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, how uint8) {
		var p Program
		if json.Unmarshal(in, &p) != nil {
			return
		}
		problems := Check(p, Program{})
		h := newScriptHost()
		g, err := New(h, p, Options{})
		if (err == nil) != (len(problems) == 0) {
			t.Fatalf("Check says %v, New says %v", problems, err)
		}
		if err != nil {
			return
		}
		g.Boot(0)
		h.slow = how&1 != 0
		for i := range 3 {
			for _, e := range p.Endpoints {
				exercise(h, g, e)
			}
			h.run(h.now+time.Duration(i)*time.Second, 300)
			if how&2 != 0 {
				g.Pause()
				h.run(h.now+time.Second, 300)
				g.Unpause()
			}
		}
		if h.maxPending > windowBytes+2*pieceBytes+maxScriptText(in) && h.slow {
			t.Fatalf("%d bytes pending", h.maxPending)
		}
		g.Reboot(0)
		g.Close()
	})
}

// maxScriptText: a text given in the program is sent whole.
func maxScriptText(in []byte) int { return 2 * len(in) }

func exercise(h *scriptHost, g *Guest, e Endpoint) {
	switch e.Kind {
	case Agent, Exec:
		if h.agent != nil && h.agent.handler != nil {
			h.agent.handler.OnData([]byte(`{"execute":"guest-sync","arguments":{"id":5}}` + "\n" +
				`{"execute":"guest-ping"}` + "\n" + `{"execute":"guest-exec","arguments":{"path":"x","capture-output":true}}` + "\n" +
				`{"execute":"guest-exec-status","arguments":{"pid":1000}}` + "\n"))
		}
		g.RunCommand([]string{"x"}, func(int64, int, []byte, error) {})
	default:
		d := h.gates[e.Port]("")
		if d.Handler == nil {
			return
		}
		c := &scriptConn{host: h}
		c.handler = d.Handler(c)
		if c.handler == nil || e.Kind == HTTPS {
			return
		}
		c.handler.OnData([]byte("GET / HTTP/1.1\r\n\r\n"))
		h.run(h.now, 100)
		c.handler.OnClose(nil)
	}
}
