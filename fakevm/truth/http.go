package truth

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

const (
	bodyLimit   = 10 << 10 // HTTP-BODY-LIMIT
	headerLimit = 10 << 20 // HTTP-HDR-CAP
	// tlsHandshake bounds the handshake of a longer timeout (HTTP-TLS-NOVERIFY).
	tlsHandshake = 10 * time.Second
	// burst is what a server sends at one instant at most; what comes after
	// depends on how fast it is read.
	burst = 64 << 10
)

// httpTry is semantics 1.4.
func httpTry(p *probes.Probe, prof *probes.Profile, a Answer, net NetModel) (Verdict, bool) {
	if unresolved(p.HTTP.Port) {
		return at(probes.Errored, 0, "VAL-PORT"), true
	}
	if rule := neverSent(&p.HTTP); rule != "" {
		return at(probes.Failure, 0, rule), true
	}
	when, end, ok := connect(a, p.Timeout, net)
	if !ok {
		end.Rule = "HTTP-CONN-FAIL"
		return end, true
	}
	s, ok := arrivals(p, a, when, net)
	if last := lastByte(p, a, when); !ok || s.first > last {
		return at(probes.Failure, last, "HTTP-TIMEOUT-SCOPE"), true
	}
	if s.endlessHead {
		return s.neverEndingHead(), true
	}
	v, ok := s.judge(p, prof, net, true)
	if !ok {
		return Verdict{}, false
	}
	if s.tied { // something arrived at the very deadline: it may be too late
		late, ok := s.again().judge(p, prof, net, false)
		if !ok {
			return Verdict{}, false
		}
		v = either(v, late)
	}
	if net.Wall && races(a.Reply) {
		v.Classes |= Set(probes.Success, probes.Failure, probes.Errored)
		v.Max = p.Timeout
	}
	return v, true
}

// neverEndingHead is a response whose headers go on for ever: the client gives
// up at the cap, which a slow server does not reach.
func (s *stream) neverEndingHead() Verdict {
	v := at(probes.Failure, s.timeout, "HTTP-HDR-CAP")
	if s.every == 0 || int64(s.timeout/s.every+1)*int64(s.portion) >= headerLimit {
		v.Min, v.Exact = s.first, false
	}
	return v
}

// lastByte is how long the first byte may take: the timeout, or the handshake's
// own limit where TLS meets something that does not speak it.
func lastByte(p *probes.Probe, a Answer, connected time.Duration) time.Duration {
	speaks := a.Kind == fakevm.HTTPS && a.Reply.Connect != fakevm.Unaccepted
	if strings.EqualFold(p.HTTP.Scheme, "https") && !speaks {
		return min(p.Timeout, connected+tlsHandshake)
	}
	return p.Timeout
}

// races tells whether the outcome on real sockets depends on who is faster
// (HTTP-SERVER-SPEAKS-FIRST).
func races(r *fakevm.Reply) bool { return r.HTTP != nil && r.HTTP.NoDrain }

// stream is the response as the client sees it arrive.
type stream struct {
	wire        source
	fresh       func() source
	first       time.Duration // arrival of the first byte
	every       time.Duration // between portions; 0: all at once
	portion     int
	end         fakevm.End
	endAfter    time.Duration // from the last byte to its end
	timeout     time.Duration
	endlessHead bool

	buf       []byte
	portions  int
	now       time.Duration // arrival of what was last asked for
	inclusive bool
	tied      bool
	vague     bool // beyond the first burst: instants are no longer known
	over      bool
	limit     int64
}

type source interface{ Next(limit int) []byte }

// bytesSource is a fixed text.
type bytesSource struct{ b []byte }

func (s *bytesSource) Next(limit int) []byte {
	if len(s.b) == 0 {
		return nil
	}
	b := s.b[:min(limit, len(s.b))]
	s.b = s.b[len(b):]
	return b
}

// arrivals is the stream that the answer makes; false: there is none, ever.
func arrivals(p *probes.Probe, a Answer, connected time.Duration, net NetModel) (*stream, bool) {
	rtt := 2 * net.OneWay
	s := &stream{timeout: p.Timeout, portion: burst, end: fakevm.EndFIN, first: connected + rtt}
	text := func(t string) {
		s.fresh = func() source { return &bytesSource{[]byte(t)} }
	}
	secure := strings.EqualFold(p.HTTP.Scheme, "https")
	switch {
	case a.Reply.Connect == fakevm.Unaccepted:
		return nil, false
	case a.Kind == fakevm.TCP:
		return tcpArrivals(s, a.Reply.TCP, rtt, text)
	case a.Kind == fakevm.HTTPS && !secure: // the handshake fails
		text("HTTP/1.0 400 Bad Request\r\n\r\n")
	case a.Kind == fakevm.HTTP && secure:
		// Whatever a server makes of a ClientHello, it is no TLS.
		if r := a.Reply.HTTP; r != nil && r.Silent {
			return nil, false
		} else if r != nil && (r.NoDrain || fakevm.NewWire(r).AtOnce) {
			s.first += r.Delay
		}
		text("")
	default:
		r := a.Reply.HTTP
		if secure {
			s.first += rtt
		}
		if r != nil && r.Require != nil {
			r = required(p, r, net)
		}
		return httpArrivals(s, r, rtt)
	}
	s.wire = s.fresh()
	return s, true
}

func httpArrivals(s *stream, r *fakevm.HTTPReply, rtt time.Duration) (*stream, bool) {
	s.fresh = func() source { return fakevm.NewWire(r) }
	w := fakevm.NewWire(r)
	s.wire, s.end = s.fresh(), w.End
	if r == nil {
		return s, true
	}
	if r.Silent {
		return nil, false
	}
	s.endlessHead = r.Endless == "headers" || r.Endless == "interim"
	s.first += r.Delay
	if r.DripEvery > 0 {
		s.every, s.portion = r.DripEvery, min(max(1, r.DripBytes), burst)
	}
	if r.NoDrain && r.ResetOnClose {
		s.end = fakevm.EndReset
	}
	if s.end == fakevm.EndReset && !w.AtOnce {
		s.endAfter = rtt // the server waits until its bytes are taken
	}
	return s, true
}

// tcpArrivals: an HTTP probe of a service that speaks something else.
func tcpArrivals(s *stream, r *fakevm.TCPReply, rtt time.Duration, text func(string)) (*stream, bool) {
	if r == nil || r.Backlog > 0 || r.Banner == "" && (r.End == "" || r.End == fakevm.EndOpen) {
		return nil, false
	}
	text(r.Banner)
	s.wire = s.fresh()
	s.first += r.After
	s.end = r.End
	if s.end == "" {
		s.end = fakevm.EndOpen
	}
	if s.end == fakevm.EndReset && r.Banner != "" {
		s.endAfter = rtt
	}
	return s, true
}

// again is the same stream from its start.
func (s *stream) again() *stream {
	c := *s
	c.wire, c.buf, c.portions, c.now, c.tied, c.over, c.vague = s.fresh(), nil, 0, 0, false, false, false
	return &c
}

// Read gives what has arrived, as late as possible: the next portion is asked
// for only when the one before is used up.
func (s *stream) Read(b []byte) (int, error) {
	if s.limit <= 0 {
		return 0, errCap
	}
	if len(s.buf) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.buf)
	s.buf = s.buf[n:]
	s.limit -= int64(n)
	return n, nil
}

var errCap = errors.New("headers too long")

func (s *stream) fill() error {
	due := s.first + time.Duration(s.portions)*s.every
	if s.over {
		return s.ended(due)
	}
	for len(s.buf) < s.portion {
		b := s.wire.Next(s.portion - len(s.buf))
		if b == nil {
			s.over = true
			break
		}
		s.buf = append(s.buf, b...)
	}
	if len(s.buf) == 0 {
		return s.ended(due)
	}
	if s.portions > 0 && s.every == 0 {
		s.vague = true
	}
	if !s.reach(due) {
		return os.ErrDeadlineExceeded
	}
	s.portions++
	return nil
}

// ended is what the client gets after the last byte.
func (s *stream) ended(due time.Duration) error {
	if s.portions > 0 { // the end belongs to the last portion
		due -= s.every
	}
	switch {
	case s.end == fakevm.EndOpen:
		s.now = s.timeout
		return os.ErrDeadlineExceeded
	case !s.reach(due + s.endAfter):
		return os.ErrDeadlineExceeded
	case s.end == fakevm.EndReset:
		return syscall.ECONNRESET
	}
	return io.EOF
}

// reach moves to an arrival; false: the deadline comes first.
func (s *stream) reach(due time.Duration) bool {
	s.now = max(s.now, due)
	s.tied = s.tied || s.now == s.timeout
	if s.now > s.timeout || s.now == s.timeout && !s.inclusive {
		s.now = s.timeout
		return false
	}
	return true
}

// verdict is a class at the present instant of the stream.
func (s *stream) verdict(c probes.Class, rule string) Verdict {
	v := at(c, s.now, rule)
	if s.vague {
		v.Max, v.Exact = s.timeout, false
	}
	return v
}

// judge reads the response as the kubelet does.
func (s *stream) judge(p *probes.Probe, prof *probes.Profile, net NetModel, inclusive bool) (Verdict, bool) {
	s.inclusive, s.limit = inclusive, headerLimit
	br := bufio.NewReader(s)
	resp, err := http.ReadResponse(br, nil)
	for err == nil && resp.StatusCode < 200 && resp.StatusCode > 99 && resp.StatusCode != http.StatusSwitchingProtocols {
		resp, err = http.ReadResponse(br, nil) // HTTP-1XX
	}
	if err != nil {
		rule := "HTTP-CONN-FAIL"
		if s.limit <= 0 {
			rule = "HTTP-HDR-CAP"
		}
		return s.verdict(probes.Failure, rule), true
	}
	s.limit = 1 << 62
	if follows(resp.StatusCode) {
		if location := resp.Header.Get("Location"); location != "" {
			u, err := url.Parse(location)
			if err != nil {
				return s.verdict(probes.Failure, "HTTP-REDIR-BAD"), true
			}
			if sameHost(u, p, net) {
				return Verdict{}, false
			}
		}
	}
	_, err = io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil && !prof.StatusDecides {
		return s.verdict(probes.Errored, "HTTP-BODY-ERROR"), true
	}
	switch code := resp.StatusCode; {
	case code < 200 || code >= 400:
		return s.verdict(probes.Failure, "HTTP-STATUS-RANGE"), true
	case code >= 300:
		return s.verdict(probes.Warning, "HTTP-REDIR-CROSS"), true
	}
	return s.verdict(probes.Success, "HTTP-STATUS-RANGE"), true
}

// follows tells whether a client goes where a status points to.
func follows(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// sameHost tells whether a Location names the host of the probe
// (HTTP-REDIR-SAME).
func sameHost(u *url.URL, p *probes.Probe, net NetModel) bool {
	if u.Host == "" && u.Scheme == "" {
		return true
	}
	host := p.HTTP.Host
	if host == "" {
		host = net.Address
	}
	return u.Hostname() == host
}
