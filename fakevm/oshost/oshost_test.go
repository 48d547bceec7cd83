package oshost

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// address is where the guests of this process listen: between the choice of a port
// and its use nobody else may take it.
var address = func() string { //nolint:gochecknoglobals // one for the process
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+pid>>16&63, pid>>8&255, pid&255)
}()

// lab is a guest on loopback and the ports it got.
type lab struct {
	host   *Host
	guest  *fakevm.Guest
	socket string
	ports  map[uint16]uint16

	mu      sync.Mutex
	records []fakevm.Record
}

// newLab boots a guest on free ports.
func newLab(t *testing.T, p fakevm.Program) *lab {
	t.Helper()
	l := &lab{ports: map[uint16]uint16{}, socket: filepath.Join(t.TempDir(), "agent.sock")}
	free := freePorts(t, len(p.Endpoints))
	for i, e := range p.Endpoints {
		if e.Port != 0 {
			l.ports[e.Port] = free[i]
		}
	}
	l.host = New(Config{
		Address: address, AgentSocket: l.socket,
		Port: func(p uint16) uint16 { return l.ports[p] },
		Log: func(r fakevm.Record) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.records = append(l.records, r)
		},
	})
	t.Cleanup(l.host.Close)
	var err error
	l.host.Do(func() {
		l.guest, err = fakevm.New(l.host, p, fakevm.Options{})
		if err == nil {
			l.guest.Boot(l.host.Now())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freePorts are different ports that nobody listens on.
func freePorts(t *testing.T, n int) (ports []uint16) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", address+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()                                             //nolint:gocritic // held until all are chosen
		ports = append(ports, uint16(l.Addr().(*net.TCPAddr).Port)) //nolint:gosec,forcetypeassert // a port of a TCP listener
	}
	return ports
}

// get probes as the kubelet does: a fresh connection, certificates not
// verified, at most 10 KiB of the body.
func (l *lab) get(scheme string, port uint16, timeout time.Duration) string {
	client := &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, Proxy: nil,
			TLSHandshakeTimeout: 10 * time.Second,
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as the kubelet
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Get(fmt.Sprintf("%s://%s:%d/healthz", scheme, address, l.ports[port]))
	if err != nil {
		return "F: " + brief(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 10<<10))
	if err != nil {
		return fmt.Sprintf("E %d: %s", resp.StatusCode, brief(err))
	}
	return fmt.Sprintf("%d %d bytes", resp.StatusCode, len(body))
}

// patiently asks again with more time when the time was over that the answer
// should have come in: a busy machine is late, a silent guest stays silent.
func (l *lab) patiently(scheme string, port uint16, want ...string) string {
	for timeout := 600 * time.Millisecond; ; timeout *= 4 {
		got := l.get(scheme, port, timeout)
		if slices.Contains(want, got) || !strings.HasSuffix(got, "timeout") || timeout > 5*time.Second {
			return got
		}
	}
}

func brief(err error) string {
	var ne net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.Is(err, io.EOF), strings.Contains(err.Error(), "server closed idle connection"):
		return "EOF" // the words depend on who is faster
	case errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	}
	return err.Error()
}

func always(r fakevm.Reply) []fakevm.Step {
	return []fakevm.Step{{Replies: []fakevm.Counted{{Reply: r}}}}
}

const guideReply = "HTTP/1.1 200 OK\n\nHello World!\n"

// TestRealHTTPClients: one guest, many shapes, one real net/http client each,
// all at once.
func TestRealHTTPClients(t *testing.T) {
	cases := []struct {
		name   string
		scheme string
		reply  fakevm.Reply
		want   []string // any of these
	}{
		{"refused", "http", fakevm.Reply{Connect: fakevm.Refuse}, []string{"F: refused"}},
		{"accepted, silent", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Silent: true}}, []string{"F: timeout"}},
		{"never accepted", "http", fakevm.Reply{Connect: fakevm.Unaccepted}, []string{"F: timeout"}},
		{"closed", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{End: fakevm.EndFIN}}, []string{"F: EOF", "F: reset"}},
		{"reset", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{End: fakevm.EndReset}}, []string{"F: reset", "F: EOF"}},
		{"ok", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "fine"}}, []string{"200 4 bytes"}},
		{"503", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 503}}, []string{"503 0 bytes"}},
		{"late", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Delay: 100 * time.Millisecond}}, []string{"200 0 bytes"}},
		{"too late", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Delay: 2 * time.Second}}, []string{"F: timeout"}},
		{"LF only, read first", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Raw: guideReply}}, []string{"200 13 bytes"}},
		{"stalled head", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, StallAfter: new(int64(9)), StallInHeaders: true}}, []string{"F: timeout"}},
		{"500 with stalled body", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 500, Body: "oops", StallAfter: new(int64(2))}}, []string{"E 500: timeout"}},
		{"stall at 10 KiB", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, BodyBytes: 20000, StallAfter: new(int64(10240))}}, []string{"200 10240 bytes"}},
		{"stall a byte before", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, BodyBytes: 20000, StallAfter: new(int64(10239))}}, []string{"E 200: timeout"}},
		{"body too short", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "hello", DeclaredLength: new(int64(100))}}, []string{"E 200: cut"}},
		{"body cut by RST", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "none", End: fakevm.EndReset}}, []string{"E 200: reset"}},
		{"chunked", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "chunked"}}, []string{"200 5 bytes"}},
		{"no last chunk", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "hello", Framing: "nolastchunk"}}, []string{"E 200: cut"}},
		{"interim", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 204, Interim: []int{103, 103}}}, []string{"204 0 bytes"}},
		{"endless body", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Endless: "body"}}, []string{"200 10240 bytes"}},
		{"redirect", "http", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 302}}, []string{"302 0 bytes"}},
		{"https", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "fine"}}, []string{"200 4 bytes"}},
		{"https expired", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Certificate: "expired"}}, []string{"200 0 bytes"}},
		{"https until FIN", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, BodyBytes: 9000, Framing: "none"}}, []string{"200 9000 bytes"}},
		{"https late", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Delay: 100 * time.Millisecond}}, []string{"200 0 bytes"}},
		{"https silent", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Silent: true}}, []string{"F: timeout"}},
		{"https endless", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Endless: "body"}}, []string{"200 10240 bytes"}},
		{"https reset", "https", fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Framing: "none", Body: "x", End: fakevm.EndReset}}, []string{"E 200: reset"}},
	}
	var p fakevm.Program
	for i, tc := range cases {
		p.Endpoints = append(p.Endpoints, fakevm.Endpoint{
			Kind: fakevm.EndpointKind(tc.scheme), Port: uint16(i + 1), Steps: always(tc.reply), //nolint:gosec // few cases
		})
	}
	l := newLab(t, p)
	got := make([]string, len(cases))
	var wg sync.WaitGroup
	for i, tc := range cases {
		wg.Go(func() { got[i] = l.patiently(tc.scheme, uint16(i+1), tc.want...) }) //nolint:gosec // few cases
	}
	wg.Wait()
	for i, tc := range cases {
		if !slices.Contains(tc.want, got[i]) {
			t.Errorf("%s: got %q, want %q", tc.name, got[i], tc.want)
		}
	}
}

// TestServerSpeaksFirst: the guide's nc server. What a client makes of it
// depends on a race (HTTP-SERVER-SPEAKS-FIRST), so any class is legal; the
// server must show more than one connection the way it is scripted.
func TestServerSpeaksFirst(t *testing.T) {
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{
		{Kind: fakevm.HTTP, Port: 1, Steps: always(fakevm.Reply{HTTP: &fakevm.HTTPReply{Raw: guideReply, NoDrain: true, Delay: 20 * time.Millisecond}})},
		{Kind: fakevm.HTTP, Port: 2, Steps: always(fakevm.Reply{HTTP: &fakevm.HTTPReply{Raw: guideReply, NoDrain: true, ResetOnClose: true, Delay: 20 * time.Millisecond}})},
	}})
	for range 5 {
		if got := l.patiently("http", 1, "200 13 bytes"); got != "200 13 bytes" {
			t.Errorf("ncat: got %q", got)
		}
		if got := l.patiently("http", 2, "E 200: reset"); got != "E 200: reset" {
			t.Errorf("an nc that does not drain: got %q", got)
		}
	}
}

// TestStepsOnRealSockets: a port that opens, is refused and opens again, no step
// before its time. Who asks too seldom on a busy machine misses a step, and asks a
// slower guest then.
func TestStepsOnRealSockets(t *testing.T) {
	want := []string{"F: refused", "200 0 bytes", "F: refused", "200 0 bytes"}
	var got []string
	for unit := 100 * time.Millisecond; unit < 10*time.Second; unit *= 4 {
		got = observeSteps(t, unit, want)
		if slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("got %q, want %q", got, want)
}

// observeSteps are the different answers of a guest whose steps are one, three and
// five units after its boot, up to the first that is not wanted: what meets a change
// may be cut off.
func observeSteps(t *testing.T, unit time.Duration, want []string) []string {
	t.Helper()
	up := []fakevm.Counted{{Reply: fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200}}}}
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.HTTP, Port: 80, Steps: []fakevm.Step{
		{At: unit, Replies: up},
		{At: 3 * unit, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Connect: fakevm.Refuse}}}},
		{At: 5 * unit, Replies: up},
	}}}})
	var got []string
	for len(got) < len(want) && l.host.Now() < 20*unit {
		answer := l.get("http", 80, 10*time.Second)
		if len(got) > 0 && got[len(got)-1] == answer {
			time.Sleep(unit / 20)
			continue
		}
		if answer != want[len(got)] {
			return append(got, answer)
		}
		if due := time.Duration(max(0, 2*len(got)-1)) * unit; l.host.Now() < due {
			t.Errorf("%s at %s: that step is due at %s", answer, l.host.Now(), due)
		}
		got = append(got, answer)
	}
	return got
}

// TestAgentSocket: a raw client on the agent's channel.
func TestAgentSocket(t *testing.T) {
	ms := time.Millisecond
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{
		{Kind: fakevm.Agent, Steps: []fakevm.Step{{Replies: []fakevm.Counted{
			{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{}}, Times: 2},
			{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{Delay: 50 * ms}}, Times: 1},
			{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{Raw: `{"ret`, Disconnect: true, Reconnect: 50 * ms}}, Times: 1},
			{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{}}},
		}}}},
		{Kind: fakevm.Exec, Steps: always(fakevm.Reply{Exec: &fakevm.ExecReply{Exit: 7, Output: "hi"}})},
	}})
	c := dialAgent(t, l.socket)
	ask := func(command, want string) {
		t.Helper()
		if _, err := io.WriteString(c, command+"\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if strings.TrimSpace(line) != want {
			t.Fatalf("%s: got %q, %v, want %q", command, line, err, want)
		}
	}
	ask("\xff"+`{"execute":"guest-sync-delimited","arguments":{"id":5}}`, "\xff"+`{"return": 5}`)
	ask(`{"execute":"guest-ping"}`, `{"return": {}}`)
	ask(`{"execute":"guest-exec","arguments":{"path":"/bin/x","capture-output":true}}`, `{"return": {"pid": 1000}}`)
	ask(`{"execute":"guest-exec-status","arguments":{"pid":1000}}`, `{"return": {"exited": true, "exitcode": 7, "out-data": "aGk="}}`)
	ask(`{"execute":"guest-ping"}`, `{"return": {}}`)
	ask(`{"execute":"guest-ping"}`, `{"ret`)
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("after the agent crashed: %d, %v", n, err)
	}
	c = dialAgent(t, l.socket)
	ask(`{"execute":"guest-ping"}`, `{"return": {}}`)
	_ = c.Close()
	c = dialAgent(t, l.socket) // the next client
	ask(`{"execute":"guest-ping"}`, `{"return": {}}`)
}

// dialAgent waits for the socket to be there.
func dialAgent(t *testing.T, path string) net.Conn {
	t.Helper()
	for range 200 {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the agent's socket does not open")
	return nil
}

// TestTCPOnRealSockets: what a TCP probe sees, and what the guest logs.
func TestTCPOnRealSockets(t *testing.T) {
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{
		{Kind: fakevm.TCP, Port: 1, Steps: always(fakevm.Reply{TCP: &fakevm.TCPReply{Banner: "SSH-2.0-fake\r\n", NoData: true}})},
		{Kind: fakevm.TCP, Port: 2, Steps: always(fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndReset}})},
	}})
	c, err := net.Dial("tcp", l.addr(1))
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	if line != "SSH-2.0-fake\r\n" {
		t.Errorf("banner %q", line)
	}
	_, _ = c.Write([]byte("x"))
	_ = c.Close()
	if c, err = net.Dial("tcp", l.addr(2)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after accept: %v, want a reset", err)
	}
	_ = c.Close()
	deadline := time.Now().Add(time.Second)
	for !l.hasViolation() {
		if time.Now().After(deadline) {
			t.Fatal("bytes to a service that expects none are not logged")
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *lab) hasViolation() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Violation {
			return true
		}
	}
	return false
}

// TestDropsSYNs: a SYN that is dropped is neither answered nor refused; when
// the port opens it is answered again.
func TestDropsSYNs(t *testing.T) {
	if !CanDrop {
		t.Skip("not run: this system cannot drop SYNs on purpose")
	}
	up := []fakevm.Counted{{Reply: fakevm.Reply{TCP: &fakevm.TCPReply{}}}}
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.TCP, Port: 1, Steps: []fakevm.Step{
		{Replies: []fakevm.Counted{{Reply: fakevm.Reply{Connect: fakevm.Blackhole}}}},
		{At: 800 * time.Millisecond, Replies: up},
	}}}})
	dial := func(patience time.Duration) string {
		c, err := net.DialTimeout("tcp", l.addr(1), patience)
		if err != nil {
			return brief(err)
		}
		_ = c.Close()
		return "connected"
	}
	if got := dial(300 * time.Millisecond); got != "timeout" {
		t.Errorf("while SYNs are dropped: %s, want timeout", got)
	}
	time.Sleep(700 * time.Millisecond)
	if got := dial(time.Second); got != "connected" {
		t.Errorf("after the step: %s, want connected", got)
	}
	var end func()
	l.host.Do(func() { end = l.host.Silence() })
	if got := dial(300 * time.Millisecond); got != "timeout" {
		t.Errorf("while the host is silent: %s, want timeout", got)
	}
	l.host.Do(func() { end(); end = l.host.Refuse() })
	if got := dial(time.Second); got != "refused" {
		t.Errorf("while the host refuses: %s, want refused", got)
	}
	l.host.Do(func() { end() })
	if got := dial(time.Second); got != "connected" {
		t.Errorf("at the end: %s, want connected", got)
	}
}

// TestResetWaits: an RST waits until the client shows that it is connected, or
// has had time for it.
func TestResetWaits(t *testing.T) {
	l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{
		{Kind: fakevm.TCP, Port: 1, Steps: always(fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndReset}})},
	}})
	after := func(show func(c *net.TCPConn)) time.Duration {
		t.Helper()
		began := time.Now()
		c, err := net.Dial("tcp", l.addr(1))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(began.Add(10 * time.Second))
		show(c.(*net.TCPConn))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%v, want a reset", err)
		}
		return time.Since(began)
	}
	for range 3 {
		if d := after(func(*net.TCPConn) {}); d < unheardGrace {
			t.Errorf("a client that was not heard is reset after %v", d)
		}
	}
	for what, show := range map[string]func(*net.TCPConn){
		"a byte": func(c *net.TCPConn) { _, _ = c.Write([]byte("x")) },
		"a FIN":  func(c *net.TCPConn) { _ = c.CloseWrite() },
	} {
		soonest := time.Hour
		for try := 0; try < 20 && soonest >= unheardGrace; try++ { // the machine may be busy
			soonest = min(soonest, after(show))
		}
		if soonest < resetGrace || soonest >= unheardGrace {
			t.Errorf("a client that sent %s is reset after %v, want %v", what, soonest, resetGrace)
		}
	}
}

// TestDallied: how long a client takes to ask, and to close when it has the
// answer, is told; who does both at once dallies little.
func TestDallied(t *testing.T) {
	var dallied []time.Duration
	port := freePorts(t, 1)[0]
	host := New(Config{Address: address, Dallied: func(by time.Duration) { dallied = append(dallied, by) }})
	defer host.Close()
	host.Do(func() {
		g, err := fakevm.New(host, fakevm.Program{Endpoints: []fakevm.Endpoint{
			{Kind: fakevm.HTTP, Port: port, Steps: always(fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "fine"}})},
		}}, fakevm.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		g.Boot(host.Now())
	})
	const pause = 300 * time.Millisecond
	ask := func(first, last time.Duration) []time.Duration {
		t.Helper()
		host.Do(func() { dallied = nil })
		c, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(first)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), "fine") {
			t.Fatalf("%q %v", text, err)
		}
		time.Sleep(last)
		_ = c.Close()
		var all []time.Duration
		for end := time.Now().Add(5 * time.Second); len(all) < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			host.Do(func() { all = slices.Clone(dallied) })
		}
		if len(all) != 2 {
			t.Fatalf("it was told %d times, want 2", len(all))
		}
		return all
	}
	for _, tt := range []struct{ first, last time.Duration }{{pause, 0}, {0, pause}, {0, 0}} {
		for try := 0; ; try++ { // the machine may be busy
			got := ask(tt.first, tt.last)
			near := func(by, want time.Duration) bool { return by > want-pause/2 && by < want+pause/2 }
			if near(got[0], tt.first) && near(got[1], tt.last) {
				break
			}
			if try == 10 {
				t.Fatalf("%v, want %v and %v", got, tt.first, tt.last)
			}
		}
	}
}

// TestUnsupported: what sockets cannot show is said, and nothing else is.
func TestUnsupported(t *testing.T) {
	p := fakevm.Program{
		Endpoints: []fakevm.Endpoint{
			{Kind: fakevm.HTTP, Port: 80, Steps: always(fakevm.Reply{Connect: fakevm.Blackhole})},
			{Kind: fakevm.TCP, Port: 22, Steps: []fakevm.Step{{Replies: []fakevm.Counted{
				{Reply: fakevm.Reply{ConnectDelay: time.Second}, Times: 1},
				{Reply: fakevm.Reply{TCP: &fakevm.TCPReply{Backlog: 1}}, Times: 1},
				{Reply: fakevm.Reply{Connect: fakevm.Refuse}, Times: 2},
				{Reply: fakevm.Reply{Connect: fakevm.Refuse}},
			}}}},
			{Kind: fakevm.Agent, Steps: always(fakevm.Reply{Agent: &fakevm.AgentReply{Silent: true}})},
		},
		Power: []fakevm.PowerStep{{At: time.Second, Do: fakevm.Hang}, {At: 2 * time.Second, Do: fakevm.Reboot}, {At: 3 * time.Second, Do: fakevm.PowerOff}},
	}
	want := []string{
		"tcp/22: real sockets cannot delay a handshake",
		"tcp/22: the length of a real accept queue is the kernel's",
		"tcp/22: nobody counts handshakes that real sockets refuse or drop",
	}
	got := Unsupported(p)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// addr is the real address of a guest port.
func (l *lab) addr(port uint16) string {
	return net.JoinHostPort(address, strconv.Itoa(int(l.ports[port])))
}
