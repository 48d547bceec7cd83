package attempt_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// instant is an Env whose only connection answers at once and is reused: what
// is measured is the try alone.
type instant struct {
	conn replay
	now  time.Time
}

func (i *instant) Now() time.Time       { return i.now }
func (i *instant) SleepUntil(time.Time) {}
func (i *instant) Dial(string, time.Time) (net.Conn, error) {
	i.conn.at = 0
	return &i.conn, nil
}

type replay struct {
	net.Conn
	data []byte
	at   int
}

func (r *replay) Read(b []byte) (int, error) {
	n := copy(b, r.data[r.at:])
	r.at += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
func (r *replay) Write(b []byte) (int, error)   { return len(b), nil }
func (r *replay) Close() error                  { return nil }
func (r *replay) SetDeadline(t time.Time) error { return nil }

const common = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 08:00:00 GMT\r\n" +
	"Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

func benchmark(b *testing.B, data string, slow bool) {
	env := &instant{conn: replay{data: []byte(data)}, now: time.Unix(1_700_000_000, 0)}
	t := target(get("/healthz"))
	attempt.SetNoFast(t, slow)
	b.ReportAllocs()
	for b.Loop() {
		attempt.Try(env, t)
	}
}

func BenchmarkHTTPFast(b *testing.B) { benchmark(b, common, false) }
func BenchmarkHTTPSlow(b *testing.B) { benchmark(b, common, true) }
func BenchmarkHTTP503(b *testing.B) {
	benchmark(b, "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", false)
}

func BenchmarkTCP(b *testing.B) {
	env := &instant{now: time.Unix(1_700_000_000, 0)}
	t := target(&probes.Probe{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: probes.Port{Number: 22}}})
	b.ReportAllocs()
	for b.Loop() {
		attempt.Try(env, t)
	}
}

// The floor of the simulator is 11 allocations an attempt, the goal 2; the
// fast path and TCP must stay clear of both.
func TestAllocations(t *testing.T) {
	env := &instant{conn: replay{data: []byte(common)}, now: time.Unix(1_700_000_000, 0)}
	for name, p := range map[string]*probes.Probe{
		"http": get("/healthz"),
		"tcp":  {Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: probes.Port{Number: 22}}},
	} {
		tg := target(p)
		if n := testing.AllocsPerRun(200, func() { attempt.Try(env, tg) }); n > 1 {
			t.Errorf("%s: %v allocations a try", name, n)
		}
	}
}
