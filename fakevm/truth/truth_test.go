package truth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
)

func profile(name probes.ProfileName) *probes.Profile {
	p, ok := probes.LookupProfile(name)
	if !ok {
		panic(name)
	}
	return &p
}

func httpProbe(scheme string) *probes.Probe {
	return &probes.Probe{
		Handler: probes.HTTPGet, Timeout: time.Second, Period: 10 * time.Second,
		HTTP: probes.HTTPRequest{Scheme: scheme, Port: probes.Port{Number: 80}, Path: "/healthz"},
	}
}

type shape struct {
	name string
	kind fakevm.EndpointKind
	r    *fakevm.Reply
}

func h(r fakevm.HTTPReply) *fakevm.Reply { return &fakevm.Reply{HTTP: &r} }
func raw(s string) *fakevm.Reply         { return h(fakevm.HTTPReply{Raw: s}) }

// httpShapes is every row of the truth table of semantics 1.4, and what lies
// between its rows.
func httpShapes() []shape {
	ms, s := time.Millisecond, time.Second
	shapes := []shape{
		{"nothing there", fakevm.HTTP, nil},
		{"refused", fakevm.HTTP, &fakevm.Reply{Connect: fakevm.Refuse}},
		{"blackhole", fakevm.HTTP, &fakevm.Reply{Connect: fakevm.Blackhole}},
		{"unaccepted", fakevm.HTTP, &fakevm.Reply{Connect: fakevm.Unaccepted}},
		{"late handshake", fakevm.HTTP, &fakevm.Reply{ConnectDelay: 300 * ms}},
		{"too late handshake", fakevm.HTTP, &fakevm.Reply{ConnectDelay: 3 * s}},
		{"handshake at the deadline", fakevm.HTTP, &fakevm.Reply{ConnectDelay: s - 500*time.Microsecond}},
		{"silent", fakevm.HTTP, h(fakevm.HTTPReply{Silent: true})},
		{"closes at accept", fakevm.HTTP, h(fakevm.HTTPReply{End: fakevm.EndFIN})},
		{"RST at accept", fakevm.HTTP, h(fakevm.HTTPReply{End: fakevm.EndReset})},
		{"closes after 300 ms", fakevm.HTTP, h(fakevm.HTTPReply{End: fakevm.EndFIN, Delay: 300 * ms})},
		{"late", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Delay: 998 * ms})},
		{"at the deadline", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Delay: 999 * ms})},
		{"too late", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Delay: 1001 * ms})},
		{"half a status line", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, StallAfter: new(int64(9)), StallInHeaders: true, End: fakevm.EndFIN})},
		{"headers never end, FIN", fakevm.HTTP, raw("HTTP/1.1 200 OK\r\nA: b\r\n")},
		{"slowloris headers", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, DripBytes: 1, DripEvery: 100 * ms})},
		{"slow headers in time", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, DripBytes: 10, DripEvery: 100 * ms})},
		{"slow body", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: strings.Repeat("x", 100), DripBytes: 40, DripEvery: 400 * ms})},
		{"slow 500 body", fakevm.HTTP, h(fakevm.HTTPReply{Status: 500, Body: strings.Repeat("x", 200), DripBytes: 80, DripEvery: 400 * ms})},
		{"endless headers", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Endless: "headers"})},
		{"endless slow headers", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Endless: "headers", DripBytes: 50, DripEvery: 100 * ms})},
		{"endless interim", fakevm.HTTP, h(fakevm.HTTPReply{Endless: "interim"})},
		{"endless body", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Endless: "body"})},
		{"endless slow body", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Endless: "body", DripBytes: 500, DripEvery: 300 * ms})},
		{"endless chunks", fakevm.HTTP, h(fakevm.HTTPReply{Status: 500, Endless: "body", Framing: "chunked"})},
		{"10 GB", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, BodyBytes: 10 << 30})},
		{"held open", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Framing: "none", End: fakevm.EndOpen})},
		{"204 held open", fakevm.HTTP, h(fakevm.HTTPReply{Status: 204, End: fakevm.EndOpen})},
		{"304 held open", fakevm.HTTP, h(fakevm.HTTPReply{Status: 304, End: fakevm.EndOpen})},
		{"500 stalls", fakevm.HTTP, h(fakevm.HTTPReply{Status: 500, Body: "hello", StallAfter: new(int64(4))})},
		{"stall at 10239", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, BodyBytes: 20000, StallAfter: new(int64(10239))})},
		{"stall at 10240", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, BodyBytes: 20000, StallAfter: new(int64(10240))})},
		{"stall in chunks", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, BodyBytes: 20000, Framing: "chunked", StallAfter: new(int64(5))})},
		{"12 declared, 13 sent", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "Hello World!\n", DeclaredLength: new(int64(12))})},
		{"100 declared, FIN", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", DeclaredLength: new(int64(100))})},
		{"100 declared, RST", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", DeclaredLength: new(int64(100)), End: fakevm.EndReset})},
		{"404, RST after body", fakevm.HTTP, h(fakevm.HTTPReply{Status: 404, Body: "hello", Framing: "none", End: fakevm.EndReset})},
		{"200 with length, RST", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", End: fakevm.EndReset})},
		{"bad chunk", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "badchunk"})},
		{"no last chunk", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "nolastchunk"})},
		{"chunked", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "chunked"})},
		{"LF only", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Body: "x", LFOnly: true, Framing: "none"})},
		{"the guide's ncat", fakevm.HTTP, h(fakevm.HTTPReply{Raw: "HTTP/1.1 200 OK\n\nHello World!\n", NoDrain: true})},
		{"an nc that resets", fakevm.HTTP, h(fakevm.HTTPReply{Raw: "HTTP/1.1 200 OK\n\nHello World!\n", NoDrain: true, ResetOnClose: true})},
		{"an nc with a length", fakevm.HTTP, h(fakevm.HTTPReply{Raw: "HTTP/1.1 200 OK\nContent-Length: 12\n\nHello World!\n", NoDrain: true, ResetOnClose: true})},
		{"1xx then 503", fakevm.HTTP, h(fakevm.HTTPReply{Status: 503, Interim: []int{100, 103, 103}})},
		{"101", fakevm.HTTP, h(fakevm.HTTPReply{Status: 101})},
		{"redirect elsewhere", fakevm.HTTP, h(fakevm.HTTPReply{Status: 302, Headers: []probes.Header{{Name: "Location", Value: "http://other.invalid/x"}}})},
		{"redirect to nowhere", fakevm.HTTP, h(fakevm.HTTPReply{Status: 302, Headers: []probes.Header{{Name: "Location", Value: "http://[::bad/"}}})},
		{"redirect without target", fakevm.HTTP, h(fakevm.HTTPReply{Status: 301})},
		{"required and met", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Require: &fakevm.HTTPRequire{Method: "GET", Target: "/healthz", Headers: []probes.Header{{Name: "User-Agent", Value: "*"}}, Absent: []string{"Accept-Encoding"}}})},
		{"required and not met", fakevm.HTTP, h(fakevm.HTTPReply{Status: 200, Require: &fakevm.HTTPRequire{Target: "/other", Else: 403}})},
		{"https", fakevm.HTTPS, h(fakevm.HTTPReply{Status: 200, Body: "fine"})},
		{"https until FIN", fakevm.HTTPS, h(fakevm.HTTPReply{Status: 200, Body: "fine", Framing: "none"})},
		{"https silent", fakevm.HTTPS, h(fakevm.HTTPReply{Silent: true})},
		{"https late 500", fakevm.HTTPS, h(fakevm.HTTPReply{Status: 500, Delay: 100 * ms, Certificate: "expired"})},
		{"https stalls", fakevm.HTTPS, h(fakevm.HTTPReply{Status: 200, Body: "hello", StallAfter: new(int64(1))})},
		{"https RST", fakevm.HTTPS, h(fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "none", End: fakevm.EndReset})},
		{"https closes", fakevm.HTTPS, h(fakevm.HTTPReply{End: fakevm.EndFIN})},
		{"https unaccepted", fakevm.HTTPS, &fakevm.Reply{Connect: fakevm.Unaccepted}},
		{"an SSH server", fakevm.TCP, &fakevm.Reply{TCP: &fakevm.TCPReply{Banner: "SSH-2.0-OpenSSH\r\n"}}},
		{"an SSH server that closes late", fakevm.TCP, &fakevm.Reply{TCP: &fakevm.TCPReply{Banner: "SSH", After: 200 * ms, End: fakevm.EndFIN}}},
		{"a silent TCP service", fakevm.TCP, &fakevm.Reply{}},
		{"a TCP service that resets", fakevm.TCP, &fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndReset}}},
	}
	for _, line := range []string{
		"HTTP/1.1 099 x", "HTTP/1.1 000 x", "HTTP/1.1 +20 x", "HTTP/1.1 20 x", "HTTP/1.1 2000 x", "HTTP/1.1 -20 x",
		"HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/9.9 200 OK", "HTTP/2.0 200 OK", "HTTP/2 200 OK", "http/1.1 200 OK",
		"ICY 200 OK", "SSH-2.0-OpenSSH", "\x15\x03\x01\x00\x02\x02\x46", "\r\nHTTP/1.1 200 OK", "garbage",
	} {
		shapes = append(shapes, shape{fmt.Sprintf("%q", line), fakevm.HTTP, raw(line + "\r\n\r\n")})
	}
	for _, header := range []string{
		"no colon", "Content-Length: 1\r\nContent-Length: 2", "Content-Length: -1", "Transfer-Encoding: odd",
		"A : b", "Content-Length: 3\r\nTransfer-Encoding: chunked",
	} {
		shapes = append(shapes, shape{fmt.Sprintf("%q", header), fakevm.HTTP, raw("HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n0\r\n\r\n")})
	}
	for _, code := range []int{200, 201, 204, 205, 206, 226, 299, 300, 301, 303, 304, 305, 307, 308, 399, 400, 401, 404, 418, 429, 499, 500, 503, 599, 600, 999} {
		shapes = append(shapes, shape{fmt.Sprint("status ", code), fakevm.HTTP, h(fakevm.HTTPReply{Status: code})})
	}
	return shapes
}

// TestHTTPTruth holds every shape against the real code and writes the table.
func TestHTTPTruth(t *testing.T) {
	datadriven.RunTest(t, "testdata/http", func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		var b strings.Builder
		prof := profile(probes.ProfileName(d.CmdArgs[0].Key))
		for _, scheme := range []string{"HTTP", "HTTPS"} {
			for _, s := range httpShapes() {
				if scheme == "HTTPS" && s.kind == fakevm.HTTP && s.r != nil && s.r.HTTP != nil && !strings.Contains(s.name, "at accept") && s.name != "silent" && s.name != "late" {
					continue
				}
				v, ok := truth.Verdict{}, false
				t.Run(scheme+"/"+s.name, func(t *testing.T) {
					a := truth.Answer{Kind: s.kind, Reply: s.r}
					v, _, _ = check(t, httpProbe(scheme), prof, a)
					_, ok = truth.Of(httpProbe(scheme), prof, a, truth.Simulated())
				})
				fmt.Fprintln(&b, row(scheme+" "+s.name, v, ok))
			}
		}
		return b.String()
	})
}

func row(name string, v truth.Verdict, ok bool) string {
	if !ok {
		return name + ": undecided"
	}
	span := v.Min.String()
	if v.Min != v.Max {
		span += ".." + v.Max.String()
	}
	if v.Exact {
		span += " exactly"
	}
	return fmt.Sprintf("%s: %s %s (%s)", name, v.Classes, span, v.Rule)
}

// TestHandshakeCap: TLS waits ten seconds at most, whatever the timeout; what
// speaks TLS has all of it (HTTP-TLS-NOVERIFY).
func TestHandshakeCap(t *testing.T) {
	for _, c := range []struct {
		shape
		takes time.Duration
	}{
		{shape{"unaccepted", fakevm.HTTPS, &fakevm.Reply{Connect: fakevm.Unaccepted}}, 10*time.Second + 500*time.Microsecond},
		{shape{"late, unaccepted", fakevm.HTTPS, &fakevm.Reply{Connect: fakevm.Unaccepted, ConnectDelay: 2 * time.Second}}, 12*time.Second + 500*time.Microsecond},
		{shape{"silent listener", fakevm.TCP, &fakevm.Reply{TCP: &fakevm.TCPReply{}}}, 10*time.Second + 500*time.Microsecond},
		{shape{"silent plain server", fakevm.HTTP, h(fakevm.HTTPReply{Silent: true})}, 10*time.Second + 500*time.Microsecond},
		{shape{"SYN lost", fakevm.HTTPS, &fakevm.Reply{Connect: fakevm.Blackhole}}, 25 * time.Second},
		{shape{"silent behind TLS", fakevm.HTTPS, h(fakevm.HTTPReply{Silent: true})}, 25 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := httpProbe("HTTPS")
			p.Timeout = 25 * time.Second
			v, _, _ := check(t, p, profile(probes.Kubernetes), truth.Answer{Kind: c.kind, Reply: c.r})
			if v.Classes.String() != "F" || v.Max != c.takes {
				t.Errorf("%s after %s, want F after %s", v.Classes, v.Max, c.takes)
			}
		})
	}
}
