package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
)

var (
	hello = &protocol.Request{Seq: 1, Op: protocol.Hello, Protocol: 1, Offered: []string{"http", "tcp", "guest-agent-ping", "udp-1"}}
	open  = &protocol.Request{Seq: 2, Op: protocol.Open, Case: "c@kubevirt", Profile: "kubevirt"}
	step  = &protocol.Request{Seq: 7, Op: protocol.Step, NowNs: 1000}
	end   = &protocol.Request{Seq: 9, Op: protocol.Close}
)

func TestRepliesThatObeyAreRead(t *testing.T) {
	for _, tt := range []struct {
		to   *protocol.Request
		line string
	}{
		{hello, `{"seq":1,"protocol":1,"implementation":{"name":"acme"},"features":["http"]}`},
		{open, `{"seq":2}`},
		{step, `{"seq":7,"wakeAtNs":1000}`},
		{step, `{"seq":7,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"readiness","http":{"port":80,"method":"GET","target":"/","timeoutNs":1000000000}}]}`},
		{step, `{"seq":7,"do":[{"do":"ask","id":1,"http":{"url":"http://10.244.0.2:8080/a b?c"}},{"do":"ask","id":2,"http":{"url":"ftp://x/y"}},{"do":"ask","id":3,"http":{"url":"http:///"}}]}`},
		{step, `{"seq":7,"do":[{"do":"result","id":1,"class":"error","retry":true},{"do":"ready","vm":"web","instance":1,"ok":false}]}`},
		{end, `{"seq":9}`},
	} {
		if _, err := protocol.DecodeReply([]byte(tt.line), tt.to); err != nil {
			t.Errorf("%s: %v", tt.line, err)
		}
	}
}

// TestViolationsNameMessageFieldAndFix holds every breach to the words that an
// author of an adapter needs.
func TestViolationsNameMessageFieldAndFix(t *testing.T) {
	for _, tt := range []struct {
		to   *protocol.Request
		line string
		want []string
	}{
		{hello, `{"seq":1,"protocol":2,"implementation":{"name":"a"},"features":["http"]}`, []string{"message 1, field protocol", "version 2", `"protocol":1`}},
		{hello, `{"seq":1,"protocol":1,"features":["http"]}`, []string{"field implementation.name", "no name", `"name":"my-prober"`}},
		{hello, `{"seq":1,"protocol":1,"implementation":{"name":"a"},"features":["guest-agent-pin"]}`, []string{"features[0]", `"guest-agent-pin" was not offered`, `did you mean "guest-agent-ping"`}},
		{hello, `{"seq":1,"protocol":1,"implementation":{"name":"a"}}`, []string{"features", "claims nothing"}},
		{open, `{"seq":2,"features":["http"]}`, []string{"message 2, field features", "belongs to the answer to hello", "leave it out"}},
		{step, `{"seq":6}`, []string{"message 7, field seq: it is 6", "repeat the seq"}},
		{step, `{"seq":7,"wakeAtNs":999}`, []string{"field wakeAtNs: 999 is before now, 1000"}},
		{step, `{"seq":7,"wakeAt":999}`, []string{"field wakeAt: no such field", `did you mean "wakeAtNs"`}},
		{step, `{"seq":7,"wakeAtNs":"5s"}`, []string{"field wakeAtNs", "a string where an integer"}},
		{step, `{"seq":7,"do":[{"do":"result","id":1,"class":"ok"}]}`, []string{"do[0].class", `unknown word "ok"`, "success"}},
		{step, `{"seq":7,"do":[{"do":"readdy","vm":"web","instance":1,"ok":true}]}`, []string{"do[0].do", `"readdy"`, `did you mean "ready"`}},
		{step, `{"seq":7,"do":[{"do":"ready","vm":"web","ok":true}]}`, []string{"do[0].instance", "positive"}},
		{step, `{"seq":7,"do":[{"do":"ready","vm":"web","instance":1}]}`, []string{"do[0].ok", "state is missing"}},
		{step, `{"seq":7,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"ready","tcp":{"port":22}}]}`, []string{"do[0].probe", "readiness"}},
		{step, `{"seq":7,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"readiness","tcp":{"port":0}}]}`, []string{"do[0].tcp.port", "1 to 65535"}},
		{step, `{"seq":7,"do":[{"do":"ask","id":1,"http":{"url":"/ready"}}]}`, []string{"do[0].http.url", "names no scheme", `"http://10.244.0.2:8080/ready"`}},
		{step, `{"seq":7,"do":[{"do":"ask","id":1,"http":{"url":"http://[::1/"}}]}`, []string{"do[0].http.url", "is no URL"}},
		{step, `{"seq":7,"do":[{"do":"ask","id":1,"http":{"url":"http://a/","port":80}}]}`, []string{"do[0].http.port", "the URL says it already"}},
		{step, `{"seq":7,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"readiness","tcp":{"port":1},"domain":{}}]}`, []string{"2 exchanges"}},
		{step, `{"seq":7,"do":[{"do":"ask","id":1}]}`, []string{"asks for nothing"}},
		{step, `{"seq":7,"do":[{"do":"result","id":1,"class":"success","tcp":{"port":1}}]}`, []string{"do[0].do", "asks for none"}},
		{step, `{"seq":7}{"seq":8}`, []string{"more than one JSON value", "newline"}},
		{step, `probing web...`, []string{"no JSON", "probing web", "standard error is free"}},
		{step, ``, []string{"no JSON"}},
		{step, strings.Repeat("x", 1000), []string{"(1000 bytes)"}},
		{end, `{"seq":9,"do":[{"do":"cancel","id":1}]}`, []string{"nothing to do at close"}},
	} {
		_, err := protocol.DecodeReply([]byte(tt.line), tt.to)
		if err == nil {
			t.Errorf("%s: accepted", tt.line)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tt.line, err, want)
			}
		}
	}
}

func TestRequestsAreCheckedToo(t *testing.T) {
	for line, want := range map[string]string{
		`{"seq":1,"op":"hullo"}`:                                     "hello",
		`{"seq":0,"op":"close"}`:                                     "positive",
		`{"seq":1,"op":"open","profile":"kubevirt"}`:                 "case",
		`{"seq":1,"op":"step","events":[{"event":"answer"}]}`:        "events[0].id",
		`{"seq":1,"op":"step","events":[{"event":"sync","vm":"a"}]}`: "events[0].instance",
		`{"seq":1,"op":"step","nowNs":-1}`:                           "nowNs",
	} {
		if _, err := protocol.DecodeRequest([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	for _, r := range []*protocol.Request{hello, open, step, end} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := protocol.DecodeRequest(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestWordsAreThoseOfTheProbes(t *testing.T) {
	for _, c := range []probes.Class{probes.Success, probes.Warning, probes.Failure, probes.Errored} {
		if got := protocol.ClassOf(c.String()); got != c {
			t.Errorf("%s is read as %s", c, got)
		}
	}
	for _, k := range []probes.Kind{probes.Readiness, probes.Liveness, probes.Startup} {
		if got := protocol.KindOf(k.String()); got != k {
			t.Errorf("%s is read as %s", k, got)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"seq":7,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"readiness","http":{"port":80,"method":"GET","target":"/"}}]}`))
	f.Add([]byte(`{"seq":1,"protocol":1,"implementation":{"name":"a"},"features":["http"]}`))
	f.Fuzz(func(_ *testing.T, line []byte) {
		for _, to := range []*protocol.Request{hello, open, step, end} {
			if _, err := protocol.DecodeReply(line, to); err != nil {
				_ = err.Error()
			}
		}
	})
}
