package attempt_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// sockets is an Env of wall time and real sockets.
type sockets struct{}

func (sockets) Now() time.Time         { return time.Now() }
func (sockets) SleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
func (sockets) Dial(address string, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline}
	return d.Dial("tcp", address)
}

// kubelet does with net/http's Client and Transport what DoHTTPProbe of the
// kubelet does with them: the reference of semantics 1.4.
func kubelet(p *probes.Probe, address string, dial func(context.Context, string, string) (net.Conn, error)) (byte, string) {
	u, err := url.Parse(p.HTTP.Path)
	if err != nil {
		u = &url.URL{Path: p.HTTP.Path}
	}
	u.Scheme = strings.ToLower(p.HTTP.Scheme)
	u.Host = net.JoinHostPort(address, strconv.Itoa(p.HTTP.Port.Number))
	req, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return 'E', err.Error()
	}
	for _, h := range p.HTTP.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header.Set("User-Agent", attempt.DefaultUserAgent)
	}
	if _, ok := req.Header["Accept"]; !ok {
		req.Header.Set("Accept", "*/*")
	} else if req.Header.Get("Accept") == "" {
		req.Header.Del("Accept")
	}
	req.Host = req.Header.Get("Host")
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext:        dial,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Timeout:   p.Timeout,
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Hostname() != via[0].URL.Hostname() {
				return http.ErrUseLastResponse
			}
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
	res, err := client.Do(req)
	if err != nil {
		return 'F', err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(&io.LimitedReader{R: res.Body, N: 10 << 10})
	switch {
	case err != nil:
		return 'E', err.Error()
	case res.StatusCode < 200 || res.StatusCode >= 400:
		return 'F', fmt.Sprintf("HTTP probe failed with statuscode: %d", res.StatusCode)
	case res.StatusCode >= 300:
		return 'W', fmt.Sprintf("Probe terminated redirects, Response body: %v", string(body))
	}
	return 'S', ""
}

// play serves raw bytes on a loopback port and remembers the requests.
type play struct {
	net.Listener
	port     int
	mu       sync.Mutex
	requests []string
}

func serve(t *testing.T, answer func(c *net.TCPConn, request string)) *play {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &play{Listener: l, port: l.Addr().(*net.TCPAddr).Port}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request := readRequest(c)
				p.mu.Lock()
				p.requests = append(p.requests, request)
				p.mu.Unlock()
				answer(c.(*net.TCPConn), request)
			}()
		}
	}()
	return p
}

func readRequest(c net.Conn) string {
	var b strings.Builder
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String()
		}
	}
}

// send plays a row on a real connection.
func (r *row) send(c *net.TCPConn, _ string) {
	_, _ = io.WriteString(c, r.data)
	switch r.end {
	case "rst":
		time.Sleep(20 * time.Millisecond) // let the data be read first
		_ = c.SetLinger(0)
	case "open":
		_, _ = io.Copy(io.Discard, c) // until the client gives up
	}
}

// TestAgainstNetHTTP compares classes with those of the real Client and
// Transport over real sockets, for every row of the truth table.
func TestAgainstNetHTTP(t *testing.T) {
	skip := func(name string) bool {
		if name == "101 with upgrade held open" {
			return true // there Client.Timeout does not reach the body: the real client hangs
		}
		n, err := strconv.Atoi(strings.TrimPrefix(name, "status "))
		return err == nil && n > 200 && n%50 > 8 // most plain statuses
	}
	for _, r := range truth() {
		if skip(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, r.send)
			p := get("/")
			p.Timeout, p.HTTP.Port.Number = 10*time.Second, s.port
			if r.end == "open" && (r.class == 'F' || r.class == 'E') && !strings.Contains(r.says, "statuscode") {
				p.Timeout = 200 * time.Millisecond // it will be waited out
			}
			want, says := kubelet(p, "127.0.0.1", nil)
			tg := target(p)
			tg.Address = "127.0.0.1"
			got := attempt.Try(sockets{}, tg)
			if got.Class.Letter() != want || want != r.class {
				t.Errorf("table %c, net/http %c %q, got %c %q", r.class, want, says, got.Class.Letter(), got.Message)
			}
			if r.end == "fin" && got.Message != says {
				t.Errorf("net/http says %q, got %q", says, got.Message)
			}
		})
	}
}

// TestRequestBytes compares the bytes on the wire with those of the real
// Transport.
// Reference: HTTP-URL, HTTP-HDR-DEFAULT, HTTP-HDR-CUSTOM, HTTP-NO-KEEPALIVE.
func TestRequestBytes(t *testing.T) {
	s := serve(t, func(c *net.TCPConn, request string) {
		if strings.Contains(request, "/redirect") {
			_, _ = io.WriteString(c, redirectTo("/after?x"))
			return
		}
		_, _ = io.WriteString(c, page200)
	})
	h := func(pairs ...string) (headers []probes.Header) {
		for i := 0; i < len(pairs); i += 2 {
			headers = append(headers, probes.Header{Name: pairs[i], Value: pairs[i+1]})
		}
		return headers
	}
	for _, path := range []string{
		"", "/", "healthz", "/h?x=1", "/h#f", "/%zz", "/a b", "//evil/x", "http://o:9/x", "http://u:p@o/x", "a:b", "?q",
		"/redirect", "http://u:p@o/redirect", "/ü", "/\x7f", "*",
	} {
		for _, headers := range [][]probes.Header{
			nil,
			h("Host", "vhost"), h("Host", "vhost:81"), h("Host", "a b"), h("Host", ""), h("Host", "[fe80::1%25eth0]:80"),
			h("Custom-Header", "Awesome", "b", "2", "a", "1", "B", "3"),
			h("User-Agent", "", "Accept", ""), h("user-agent", " x "), h("Accept", "text/html"),
			h("Connection", "keep-alive"), h("Connection", "x, Close"), h("Connection", "Upgrade", "Upgrade", "websocket"),
			h("Content-Length", "5", "Transfer-Encoding", "chunked", "Trailer", "X"),
			h("Referer", "me", "Content-Type", "a/b", "Cookie", "c=d", "Expect", "100-continue"),
			h("X", "a\nb"), h("X\n", "a"), h("X", "\t\xff"),
		} {
			p := get(path)
			p.HTTP.Port.Number, p.HTTP.Headers = s.port, headers
			s.mu.Lock()
			s.requests = nil
			s.mu.Unlock()
			wantClass, wantSays := kubelet(p, "127.0.0.1", nil)
			s.mu.Lock()
			want := s.requests
			s.requests = nil
			s.mu.Unlock()
			tg := target(p)
			tg.Address = "127.0.0.1"
			got := attempt.Try(sockets{}, tg)
			s.mu.Lock()
			sent := s.requests
			s.mu.Unlock()
			if diff := cmp.Diff(want, sent); diff != "" || got.Class.Letter() != wantClass || got.Message != wantSays {
				t.Errorf("path %q headers %q: net/http %c %q, got %v; requests (-want +got):\n%s",
					path, headers, wantClass, wantSays, got, diff)
			}
		}
	}
}

// TestTLS covers HTTPS over real sockets.
// Reference: HTTP-TLS-NOVERIFY, HTTP-CONN-FAIL.
func TestTLS(t *testing.T) {
	status := 200
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" || r.TLS == nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
	})
	secure := httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(handler)
	defer plain.Close()
	hang := serve(t, func(c *net.TCPConn, _ string) { _, _ = io.Copy(io.Discard, c) })
	port := func(address string) int {
		_, p, _ := net.SplitHostPort(address)
		n, _ := strconv.Atoi(p)
		return n
	}
	for _, c := range []struct {
		name   string
		scheme string
		port   int
		status int
		class  byte
		says   string
	}{
		{"self-signed", "HTTPS", port(secure.Listener.Addr().String()), 200, 'S', ""},
		{"503 behind TLS", "HTTPS", port(secure.Listener.Addr().String()), 503, 'F', "statuscode: 503"},
		{"https to a plain server", "HTTPS", port(plain.Listener.Addr().String()), 200, 'F', "server gave HTTP response to HTTPS client"},
		{"http to a TLS server", "HTTP", port(secure.Listener.Addr().String()), 200, 'F', "statuscode: 400"},
		{"handshake hangs", "HTTPS", hang.port, 200, 'F', "awaiting headers"},
	} {
		status = c.status
		p := get("/")
		p.HTTP.Scheme, p.HTTP.Port.Number, p.Timeout = c.scheme, c.port, 10*time.Second
		if c.port == hang.port {
			p.Timeout = 300 * time.Millisecond
		}
		tg := target(p)
		tg.Address = "127.0.0.1"
		got := attempt.Try(sockets{}, tg)
		if got.Class.Letter() != c.class || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: got %v", c.name, got)
		}
		if want, says := kubelet(p, "127.0.0.1", nil); want != c.class {
			t.Errorf("%s: net/http says %c %q", c.name, want, says)
		}
	}
}

// Reference: HTTP-TLS-NOVERIFY: the handshake is capped at 10 s even when the
// probe waits longer.
func TestTLSHandshakeCap(t *testing.T) {
	w := newWorld()
	w.servers["10.0.0.2:8080"] = &server{early: true, play: func(string) []step { return nil }}
	p := get("/")
	p.HTTP.Scheme, p.Timeout = "HTTPS", time.Minute
	start := w.now
	got := attempt.Try(w, target(p))
	if got.Class != probes.Failure || !strings.HasSuffix(got.Message, "net/http: TLS handshake timeout") {
		t.Errorf("got %v", got)
	}
	if d := w.now.Sub(start); d != 10*time.Second {
		t.Errorf("took %v", d)
	}
}

// memory is a connection that answers a complete request with fixed bytes in
// pieces, for fuzzing against the real Transport.
type memory struct {
	net.Conn
	asked  chan struct{}
	once   sync.Once
	closed chan struct{}
	data   []byte
	piece  int
	end    error
}

func newMemory(data []byte, piece int, end error) *memory {
	return &memory{data: data, piece: max(piece, 1), end: end, asked: make(chan struct{}), closed: make(chan struct{})}
}

func (m *memory) Write(b []byte) (int, error) {
	if b[0] == 0x16 || strings.Contains(string(b), "\r\n\r\n") { // or a ClientHello
		m.once.Do(func() { close(m.asked) })
	}
	return len(b), nil
}

func (m *memory) Read(b []byte) (int, error) {
	select {
	case <-m.asked:
	case <-m.closed:
		return 0, net.ErrClosed
	}
	if len(m.data) == 0 {
		return 0, m.end
	}
	n := copy(b, m.data[:min(m.piece, len(m.data))])
	m.data = m.data[n:]
	return n, nil
}

func (m *memory) Close() error {
	select {
	case <-m.closed:
	default:
		close(m.closed)
	}
	return nil
}
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// pipe is an Env whose every connection is a new memory.
type pipe struct {
	sockets
	conn func() net.Conn
}

func (p pipe) Dial(string, time.Time) (net.Conn, error) { return p.conn(), nil }

// FuzzHTTPResponse: whatever a server sends, the fast path, the slow path and
// the real Transport agree on the class.
func FuzzHTTPResponse(f *testing.F) {
	for i, r := range truth() {
		if i < 70 && len(r.data) < 4096 && r.end != "open" {
			f.Add([]byte(r.data), uint16(1+i*7), r.end == "fin")
		}
	}
	f.Add([]byte(redirectTo("/again")), uint16(5), true)
	hint := "HTTP/1.1 103 x\r\nA: b\r\n\r\n"
	for _, piece := range []uint16{7, 100, 5000} {
		f.Add([]byte(strings.Repeat(hint, 300)+"HTTP/1.1 103 x\r\nA: b\r\n c\r\n\r\nHTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"), piece, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16, fin bool) {
		end := io.EOF
		if !fin {
			end = os.ErrClosed
		}
		conn := func() net.Conn { return newMemory(data, int(piece), end) }
		p := get("/")
		p.Timeout = 5 * time.Second
		fast, slow := target(p), target(p)
		attempt.SetNoFast(slow, true)
		a, b := attempt.Try(pipe{conn: conn}, fast), attempt.Try(pipe{conn: conn}, slow)
		if a != b {
			t.Errorf("fast %v, slow %v", a, b)
		}
		want, says := kubelet(p, podIP, func(context.Context, string, string) (net.Conn, error) { return conn(), nil })
		if b.Class.Letter() != want {
			t.Errorf("net/http %c %q, got %v", want, says, b)
		}
	})
}
