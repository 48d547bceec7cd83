package attempt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// row is one line of the truth table of semantics 1.4.
type row struct {
	name  string
	data  string
	end   string // "fin", "rst" or "open"
	class byte
	says  string // part of the message
}

const headerTimeout = `Get "http://10.0.0.2:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`

// truth is the table "server behaviours" of semantics 1.4, row by row.
// Reference: HTTP-STATUS-RANGE, HTTP-1XX, HTTP-BODY-ERROR, HTTP-CONN-FAIL.
func truth() []row {
	const ok = "HTTP/1.1 200 OK\r\n"
	rows := []row{
		{"closes at accept", "", "fin", 'F', "EOF"},
		{"rst before any byte", "", "rst", 'F', "connection reset by peer"},
		{"half a status line", "HTTP/1.", "fin", 'F', "malformed HTTP response"},
		{"unterminated headers", ok + "Server: x\r\n", "fin", 'F', "unexpected EOF"},
		{"silent", "", "open", 'F', ""},
		{"stalled headers", ok + "Server:", "open", 'F', ""},
		{"status 099", "HTTP/1.1 099 x\r\n\r\n", "fin", 'F', "statuscode: 99"},
		{"status 000", "HTTP/1.1 000 x\r\n\r\n", "fin", 'F', "statuscode: 0"},
		{"status +20", "HTTP/1.1 +20 x\r\n\r\n", "fin", 'F', "statuscode: 20"},
		{"status 20", "HTTP/1.1 20 OK\r\n\r\n", "fin", 'F', "malformed HTTP status code"},
		{"status 2000", "HTTP/1.1 2000 OK\r\n\r\n", "fin", 'F', "malformed HTTP status code"},
		{"status -20", "HTTP/1.1 -20 OK\r\n\r\n", "fin", 'F', "malformed HTTP status code"},
		{"no reason", "HTTP/1.1 200\r\n\r\n", "fin", 'S', ""},
		{"http 1.0", "HTTP/1.0 200 OK\r\n\r\nhi", "fin", 'S', ""},
		{"http 9.9", "HTTP/9.9 200 OK\r\n\r\nhi", "fin", 'S', ""},
		{"http 2.0 text", "HTTP/2.0 200 OK\r\n\r\nhi", "fin", 'S', ""},
		{"http 2", "HTTP/2 200\r\n\r\n", "fin", 'F', "malformed HTTP version"},
		{"lower case", "http/1.1 200 OK\r\n\r\n", "fin", 'F', "malformed HTTP version"},
		{"icy", "ICY 200 OK\r\n\r\n", "fin", 'F', "malformed"},
		{"ssh banner", "SSH-2.0-OpenSSH_9.6\r\n", "fin", 'F', "malformed HTTP response"},
		{"tls bytes", "\x15\x03\x01\x00\x02\x02\x16", "fin", 'F', ""},
		{"leading crlf", "\r\n" + ok + "\r\n", "fin", 'F', "malformed HTTP response"},
		{"garbage", "\x00\x01\x02\xff\r\n\r\n", "fin", 'F', "malformed"},
		{"header without colon", ok + "broken\r\n\r\n", "fin", 'F', "malformed MIME header"},
		{"two content-lengths", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "fin", 'F', "multiple Content-Length"},
		{"equal content-lengths", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "fin", 'S', ""},
		{"negative content-length", ok + "Content-Length: -1\r\n\r\n", "fin", 'F', "bad Content-Length"},
		{"unknown transfer-encoding", ok + "Transfer-Encoding: gzip\r\n\r\n", "fin", 'F', "unsupported transfer encoding"},
		{"space before colon", ok + "Server : x\r\nContent-Length: 2\r\n\r\nok", "fin", 'S', ""},
		{"length and chunked", ok + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "fin", 'S', ""},
		{"lf only", "HTTP/1.1 200 OK\n\nHello World!\n", "fin", 'S', ""},
		{"body longer than length", ok + "Content-Length: 12\r\n\r\nHello World!\n", "open", 'S', ""},
		{"200 held open", ok + "\r\nhi", "open", 'E', "while reading body"},
		{"200 with no body held open", ok + "\r\n", "open", 'E', "while reading body"},
		{"500 stalls", "HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\nhalf", "open", 'E', "while reading body"},
		{"204 held open", "HTTP/1.1 204 No Content\r\n\r\n", "open", 'S', ""},
		{"304 held open", "HTTP/1.1 304 Not Modified\r\n\r\n", "open", 'W', "Probe terminated redirects, Response body: "},
		{"short body fin", ok + "Content-Length: 100\r\n\r\nhello", "fin", 'E', "unexpected EOF"},
		{"short body rst", ok + "Content-Length: 100\r\n\r\nhello", "rst", 'E', "connection reset by peer"},
		{"200 unlimited rst", ok + "\r\nhello", "rst", 'E', "connection reset by peer"},
		{"404 unlimited rst", "HTTP/1.1 404 x\r\n\r\nhello", "rst", 'E', "connection reset by peer"},
		{"bad chunk", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "fin", 'E', "invalid byte in chunk length"},
		{"missing last chunk", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "fin", 'E', "unexpected EOF"},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "fin", 'S', ""},
		{"chunked 503", "HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "fin", 'F', "statuscode: 503"},
		{"bare 302", "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nhi", "fin", 'W', "Probe terminated redirects, Response body: hi"},
		{"100 then 200", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", "fin", 'S', ""},
		{"103 then 503", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", "fin", 'F', "statuscode: 503"},
		{"100 x 103 then 200", strings.Repeat("HTTP/1.1 103 x\r\n\r\n", 100) + ok + "\r\n", "fin", 'S', ""},
		{"101 is final", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "fin", 'F', "statuscode: 101"},
		{"101 with upgrade held open", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: ws\r\n\r\n", "open", 'E', ""},
		{"only 1xx", "HTTP/1.1 103 x\r\n\r\n", "open", 'F', ""},
		{"stall at body byte 10239", ok + "\r\n" + strings.Repeat("x", 10239), "open", 'E', "while reading body"},
		{"stall at body byte 10240", ok + "\r\n" + strings.Repeat("x", 10240), "open", 'S', ""},
		{"long body", ok + "Content-Length: 50000\r\n\r\n" + strings.Repeat("x", 50000), "open", 'S', ""},
		{"long 500 body", "HTTP/1.1 500 x\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 20000), "open", 'F', "statuscode: 500"},
		{"folded header", ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", "fin", 'S', ""},
		{"control byte in header", ok + "X: a\x01\r\n\r\n", "fin", 'F', "malformed MIME header"},
		{"huge content-length", ok + "Content-Length: 9223372036854775808\r\n\r\n", "fin", 'F', "bad Content-Length"},
		{"empty content-length", ok + "Content-Length:\r\n\r\n", "fin", 'F', "invalid empty Content-Length"},
	}
	for i := range rows {
		if r := &rows[i]; r.end == "open" && r.class == 'F' && r.says == "" {
			r.says = headerTimeout
		}
	}
	for status := 200; status <= 999; status++ {
		class := byte('F')
		switch {
		case status < 300:
			class = 'S'
		case status < 400:
			class = 'W'
		}
		rows = append(rows, row{
			fmt.Sprint("status ", status), fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n", status), "fin", class, "",
		})
	}
	return rows
}

func (r *row) steps() []step {
	steps := []step{}
	if r.data != "" {
		steps = append(steps, step{data: r.data})
	}
	switch r.end {
	case "fin":
		steps = append(steps, fin)
	case "rst":
		steps = append(steps, reset)
	}
	return steps
}

func TestTruthTable(t *testing.T) {
	for _, r := range truth() {
		for _, slow := range []bool{false, true} {
			w := newWorld()
			w.servers[podIP+":8080"] = &server{play: func(string) []step { return r.steps() }}
			tg := target(get("/"))
			attempt.SetNoFast(tg, slow)
			start := w.now
			got := attempt.Try(w, tg)
			if got.Class.Letter() != r.class || !strings.Contains(got.Message, r.says) {
				t.Errorf("%s (slow %v): got %c %q, want %c %q", r.name, slow, got.Class.Letter(), got.Message, r.class, r.says)
			}
			if w.closed != len(w.dials) {
				t.Errorf("%s: %d connections, %d closed", r.name, len(w.dials), w.closed)
			}
			if d := w.now.Sub(start); d != 0 && d != time.Second {
				t.Errorf("%s: took %v", r.name, d)
			}
		}
	}
}

// Reference: HTTP-BODY-ERROR, profile openshift-doc: the status code alone
// decides.
func TestStatusDecides(t *testing.T) {
	want := map[string]byte{
		"200 held open": 'S', "500 stalls": 'F', "short body fin": 'S', "short body rst": 'S',
		"404 unlimited rst": 'F', "bad chunk": 'S', "missing last chunk": 'S', "silent": 'F',
	}
	for _, r := range truth() {
		class, ok := want[r.name]
		if !ok {
			continue
		}
		for _, slow := range []bool{false, true} {
			w := newWorld()
			w.servers[podIP+":8080"] = &server{play: func(string) []step { return r.steps() }}
			tg := target(get("/"))
			tg.Profile = profile(probes.OpenShiftDoc)
			attempt.SetNoFast(tg, slow)
			if got := attempt.Try(w, tg); got.Class.Letter() != class {
				t.Errorf("%s (slow %v): got %v, want %c", r.name, slow, got, class)
			}
		}
		delete(want, r.name)
	}
	if len(want) != 0 {
		t.Errorf("rows not found: %v", want)
	}
}

// Reference: HTTP-HDR-CAP: more than 10 MiB of headers fail, 9 MiB do not.
func TestHeaderCap(t *testing.T) {
	line := "X-Pad: " + strings.Repeat("p", 1000) + "\r\n"
	for _, c := range []struct {
		size  int
		class byte
	}{{9 << 20, 'S'}, {11 << 20, 'F'}} {
		w := newWorld()
		head := "HTTP/1.1 200 OK\r\n" + strings.Repeat(line, c.size/len(line)) + "Content-Length: 0\r\n\r\n"
		w.servers[podIP+":8080"] = respond(head, fin)
		got := attempt.Try(w, target(get("/")))
		if got.Class.Letter() != c.class {
			t.Errorf("%d bytes: got %c %.200s", c.size, got.Class.Letter(), got.Message)
		}
		if c.class == 'F' && !strings.Contains(got.Message, "net/http: server response headers exceeded 10485760 bytes; aborted") {
			t.Errorf("message %q", got.Message)
		}
	}
	// Endless 1xx responses run into the same cap.
	w := newWorld()
	w.servers[podIP+":8080"] = respond(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 300_000))
	if got := attempt.Try(w, target(get("/"))); got.Class != probes.Failure || !strings.Contains(got.Message, "exceeded 10485760") {
		t.Errorf("endless 1xx: %v", got)
	}
}

// Reference: HTTP-TIMEOUT-SCOPE: one absolute deadline over everything.
func TestTimeoutScope(t *testing.T) {
	slice := func(n int, every time.Duration, data string) []step {
		var steps []step
		for range n {
			steps = append(steps, step{after: every, data: data})
		}
		return steps
	}
	head := step{data: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"}
	for _, c := range []struct {
		name   string
		server *server
		class  byte
	}{
		{"slowloris headers", &server{play: func(string) []step { return slice(100, 500*time.Millisecond, "H") }}, 'F'},
		{"dripping body", &server{play: func(string) []step {
			return append([]step{head}, slice(100, 500*time.Millisecond, "b")...)
		}}, 'E'},
		{"dripping body in time", &server{play: func(string) []step {
			return append([]step{head}, slice(100, 9*time.Millisecond, "b")...)
		}}, 'S'},
		{"dial and headers together", &server{delay: 600 * time.Millisecond, play: func(string) []step {
			return []step{{after: 600 * time.Millisecond, data: "HTTP/1.1 200 OK\r\n\r\n"}, fin}
		}}, 'F'},
		{"blackhole", &server{delay: time.Hour}, 'F'},
		{"reply in the last millisecond", &server{play: func(string) []step {
			return []step{{after: 999 * time.Millisecond, data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}}
		}}, 'S'},
	} {
		w := newWorld()
		w.servers[podIP+":8080"] = c.server
		start := w.now
		got := attempt.Try(w, target(get("/")))
		if got.Class.Letter() != c.class {
			t.Errorf("%s: got %v", c.name, got)
		}
		if d := w.now.Sub(start); d > time.Second {
			t.Errorf("%s: took %v", c.name, d)
		}
	}
}

// Reference: HTTP-CONN-FAIL, TCP-FAIL: the words of package net.
func TestConnectMessages(t *testing.T) {
	w := newWorld()
	w.servers[podIP+":9"] = &server{delay: time.Hour}
	tcp := func(port int) *probes.Probe {
		return &probes.Probe{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: probes.Port{Number: port}}}
	}
	for _, c := range []struct {
		probe *probes.Probe
		want  string
	}{
		{get("/healthz"), `Get "http://10.0.0.2:8080/healthz": dial tcp 10.0.0.2:8080: connect: connection refused`},
		{tcp(8080), `dial tcp 10.0.0.2:8080: connect: connection refused`},
		{tcp(9), `dial tcp 10.0.0.2:9: i/o timeout`},
	} {
		if got := attempt.Try(w, target(c.probe)); got.Class != probes.Failure || got.Message != c.want {
			t.Errorf("got %v, want F %q", got, c.want)
		}
	}
}

// Reference: TCP-CONNECT-ONLY, TCP-POST-CONNECT-IRRELEVANT,
// TCP-CLOSE-ERR-IGNORED (every Close of this world fails), TCP-HOST.
func TestTCP(t *testing.T) {
	w := newWorld()
	w.servers["[fd00::1]:22"] = &server{early: true, play: func(string) []step { return []step{{data: "SSH-2.0\r\n"}, reset} }}
	tg := target(&probes.Probe{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: probes.Port{Name: "22"}}})
	tg.Address = "fd00::1"
	if got := attempt.Try(w, tg); got.Class != probes.Success || w.closed != 1 {
		t.Errorf("got %v, closed %d", got, w.closed)
	}
	tg.Address = podIP // a new instance
	if got := attempt.Try(w, tg); got.Class != probes.Failure {
		t.Errorf("moved pod: got %v", got)
	}
	tg.Probe = &probes.Probe{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Host: "fd00::1", Port: probes.Port{Number: 22}}}
	if got := attempt.Try(w, tg); got.Class != probes.Success {
		t.Errorf("explicit host: got %v", got)
	}
}

// Reference: VAL-PORT, VAL-NAMED-PORT: class E, and nothing is dialled.
func TestPortErrors(t *testing.T) {
	for _, port := range []probes.Port{{Name: "web"}, {}, {Number: 65536}, {Number: -1}, {Name: "70000"}} {
		for _, handler := range []probes.Handler{probes.HTTPGet, probes.TCPSocket} {
			w := newWorld()
			p := &probes.Probe{Handler: handler, Timeout: time.Second}
			p.HTTP.Port, p.TCP.Port = port, port
			if got := attempt.Try(w, target(p)); got.Class != probes.Errored || len(w.dials) != 0 {
				t.Errorf("%v %v: got %v, dialled %v", handler, port, got, w.dials)
			}
		}
	}
	for _, handler := range []probes.Handler{probes.NoHandler, probes.Exec, probes.GuestAgentPing} {
		if got := attempt.Try(newWorld(), target(&probes.Probe{Handler: handler})); got.Class != probes.Errored {
			t.Errorf("%v: got %v", handler, got)
		}
	}
}
