package attempt

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Rules lets a try deviate from the law, one decision a field: the tool of
// those who must prove that a wrong prober is noticed. Nil Rules, and the zero
// value, are the law. A try in production has none.
type Rules struct {
	// StatusFrom and StatusTo bound the status codes that pass, inclusive;
	// 0: as the law has it (HTTP-STATUS-RANGE).
	StatusFrom, StatusTo int
	// BodyInMessage appends the body to the message of a failing status
	// (HTTP-NO-BODY-IN-EVENT).
	BodyInMessage bool

	// Method of the request; empty: GET (HTTP-METHOD).
	Method string
	// NoSlash sends a path without its leading slash (HTTP-URL).
	NoSlash bool
	// NoDefaults sends neither User-Agent nor Accept (HTTP-HDR-DEFAULT).
	NoDefaults bool
	// UserAgent replaces the default one (HTTP-HDR-DEFAULT).
	UserAgent string
	// ExtraHeader is one more header line, without its end (HTTP-HDR-DEFAULT).
	ExtraHeader string
	// KeepAlive does not ask for the end of the connection (HTTP-NO-KEEPALIVE).
	KeepAlive bool
	// Framing sends custom Content-Length and Transfer-Encoding headers
	// (HTTP-HDR-CUSTOM).
	Framing bool
	// HostDials dials the host of a custom Host header (HTTP-HDR-HOST).
	HostDials bool

	// NeverFollow takes every redirect for the final response
	// (HTTP-REDIR-SAME).
	NeverFollow bool
	// FollowAll follows redirects to other hosts (HTTP-REDIR-CROSS).
	FollowAll bool
	// CrossFails fails at a redirect to another host (HTTP-REDIR-CROSS).
	CrossFails bool
	// SameMeansPort compares host and port (HTTP-REDIR-SAME).
	SameMeansPort bool
	// Requests is the limit of requests of one try; 0: the law
	// (HTTP-REDIR-LIMIT).
	Requests int
	// LoopPasses takes too many redirects for a success (HTTP-REDIR-LIMIT).
	LoopPasses bool
	// BadLocationPasses takes a redirect to nowhere for a success
	// (HTTP-REDIR-BAD).
	BadLocationPasses bool
	// BareRedirectFails fails at a 3xx that leads nowhere (HTTP-REDIR-CROSS).
	BareRedirectFails bool
	// RedirectDropsHost loses the Host header on the way (HTTP-HDR-HOST).
	RedirectDropsHost bool
	// RedirectDropsHeaders loses the custom headers on the way
	// (HTTP-HDR-CUSTOM).
	RedirectDropsHeaders bool

	// InterimLimit is how many 1xx responses are skipped before the try fails;
	// 0: any number (HTTP-1XX).
	InterimLimit int
	// InterimIsFinal judges the first response, 1xx or not (HTTP-1XX).
	InterimIsFinal bool
	// NeedsCRLF refuses lines that end without CR (HTTP-LF-ONLY).
	NeedsCRLF bool
	// NeedsLength refuses a body whose length is not told (HTTP-LF-ONLY).
	NeedsLength bool
	// HeaderCap bounds the head in bytes; 0: the law (HTTP-HDR-CAP).
	HeaderCap int64
	// BodyLimit bounds what is read of a body in bytes; 0: the law
	// (HTTP-BODY-LIMIT).
	BodyLimit int64
	// LongBodyFails fails at a body beyond the limit (HTTP-BODY-LIMIT).
	LongBodyFails bool
	// BodyErrorIs is the class of a try that ends inside the body; NoClass:
	// the law (HTTP-BODY-ERROR).
	BodyErrorIs probes.Class

	// EachRead gives every read the whole timeout (HTTP-TIMEOUT-SCOPE).
	EachRead bool
	// EachHop gives every request of a try the whole timeout
	// (HTTP-TIMEOUT-SCOPE).
	EachHop bool
	// ConnectOnly ends the timeout with the handshake, HeadOnly with the
	// head; what follows may take an hour (HTTP-TIMEOUT-SCOPE).
	ConnectOnly, HeadOnly bool
	// VerifyTLS verifies certificates (HTTP-TLS-NOVERIFY).
	VerifyTLS bool
	// Leaks never closes a connection (HTTP-NO-KEEPALIVE, TCP-LINGER).
	Leaks bool

	// Proxy asks the proxy that the environment names, if the Env tells of one
	// (HTTP-NO-PROXY).
	Proxy bool
	// EarlyIsError makes a response that comes before the request an error of
	// the prober (HTTP-SERVER-SPEAKS-FIRST).
	EarlyIsError bool

	// TCPCloseFails fails when close does (TCP-CLOSE-ERR-IGNORED).
	TCPCloseFails bool
	// TCPResets ends the connection by RST (TCP-LINGER).
	TCPResets bool
	// TCPSends is sent after the handshake (TCP-CONNECT-ONLY).
	TCPSends string
	// TCPWaits waits for a first byte (TCP-CONNECT-ONLY).
	TCPWaits bool
	// TCPPeeks fails when the peer ends the connection within a tenth of a
	// second (TCP-POST-CONNECT-IRRELEVANT).
	TCPPeeks bool
}

// Concerns tells whether the Rules can change a try of the handler. Those of
// TCP are named; everything else is taken to be HTTP's.
func (r *Rules) Concerns(h probes.Handler) bool {
	switch h {
	case probes.TCPSocket:
		return r.TCPSends != "" || r.TCPWaits || r.TCPPeeks || r.TCPCloseFails || r.TCPResets || r.Leaks
	case probes.HTTPGet:
		rest := *r
		rest.TCPSends, rest.TCPWaits, rest.TCPPeeks, rest.TCPCloseFails, rest.TCPResets = "", false, false, false, false
		return rest != Rules{}
	case probes.NoHandler, probes.GuestAgentPing, probes.Exec:
	}
	return false
}

// longAfter is how long something may take that has no timeout.
const longAfter = time.Hour

var (
	errDeviant = errors.New("deviant")
	errEarly   = errors.New("unsolicited response")
)

func (r *Rules) method() string {
	if r != nil && r.Method != "" {
		return r.Method
	}
	return http.MethodGet
}

func (r *Rules) agent(law string) string {
	if r != nil && r.UserAgent != "" {
		return r.UserAgent
	}
	return law
}

func (r *Rules) keepsAlive() bool { return r != nil && r.KeepAlive }
func (r *Rules) verifies() bool   { return r != nil && r.VerifyTLS }
func (r *Rules) leaks() bool      { return r != nil && r.Leaks }

// dial is the host to dial: the URL's, by law.
func (r *Rules) dial(law, header string) string {
	if r == nil || !r.HostDials || header == "" {
		return law
	}
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return header
}

// request rewrites the bytes of a request.
func (r *Rules) request(raw []byte, given http.Header) []byte {
	if r == nil {
		return raw
	}
	head, _ := bytes.CutSuffix(raw, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if r.NoSlash {
		lines[0] = strings.Replace(lines[0], " /", " ", 1)
	}
	kept := lines[:1]
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		if r.NoDefaults && (name == "User-Agent" || name == "Accept") {
			continue
		}
		kept = append(kept, line)
	}
	if r.Framing {
		for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
			if v := given.Get(name); v != "" {
				kept = append(kept, name+": "+v)
			}
		}
	}
	if r.ExtraHeader != "" {
		kept = append(kept, r.ExtraHeader)
	}
	return []byte(strings.Join(kept, "\r\n") + "\r\n\r\n")
}

// follows tells whether a redirect with a Location is followed.
func (r *Rules) follows() bool { return r == nil || !r.NeverFollow }

// same tells whether a redirect stays on the host of the first request.
func (r *Rules) same(first, next *url.URL) bool {
	switch {
	case r != nil && r.FollowAll:
		return true
	case r != nil && r.SameMeansPort:
		return next.Host == first.Host
	}
	return next.Hostname() == first.Hostname()
}

func (r *Rules) requests() int {
	if r != nil && r.Requests > 0 {
		return r.Requests
	}
	return maxRequests
}

// skips tells whether a response is not the final one (HTTP-1XX).
func (r *Rules) skips(status int) bool {
	return status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols && (r == nil || !r.InterimIsFinal)
}

// tooMany tells whether there were more interim responses than are skipped.
func (r *Rules) tooMany(n int) bool { return r != nil && r.InterimLimit > 0 && n > r.InterimLimit }

func (r *Rules) headCap() int64 {
	if r != nil && r.HeaderCap > 0 {
		return r.HeaderCap
	}
	return headerCap
}

func (r *Rules) bodyCap() int64 {
	if r != nil && r.BodyLimit > 0 {
		return r.BodyLimit
	}
	return bodyCap
}

// redirected rewrites the request of a redirect.
func (r *Rules) redirected(h *hop) {
	if r == nil || !r.RedirectDropsHost && !r.RedirectDropsHeaders {
		return
	}
	if r.RedirectDropsHost {
		h.host = ""
	}
	if r.RedirectDropsHeaders {
		h.header = http.Header{"User-Agent": h.header["User-Agent"], "Accept": h.header["Accept"]}
	}
	h.render()
}

// hopDeadline is the deadline of one more request.
func (r *Rules) hopDeadline(law time.Time, now time.Time, timeout time.Duration) time.Time {
	if r != nil && r.EachHop {
		return now.Add(timeout)
	}
	return law
}

// relax moves the deadline of the connection when a phase ends.
func (x *wire) relax(env Env, now bool) {
	if now && x.conn != nil {
		_ = x.conn.SetDeadline(env.Now().Add(longAfter))
	}
}

// refresh gives a read its own timeout.
func (x *wire) refresh() {
	if x.rules != nil && x.rules.EachRead {
		_ = x.conn.SetDeadline(x.env.Now().Add(x.timeout))
	}
}

// look watches the raw bytes of a head.
func (x *wire) look(p []byte) {
	if x.rules == nil || !x.rules.NeedsCRLF {
		return
	}
	if nl := bytes.IndexByte(p, '\n'); nl == 0 || nl > 0 && p[nl-1] != '\r' {
		x.bare = true
	}
}

// judgeOtherwise judges the body of a final response under Rules; done is false
// when the law decides.
func (x *wire) judgeOtherwise(t *Target, resp *http.Response) (result probes.Result, done bool) {
	r := t.Rules
	switch {
	case r == nil:
		return result, false
	case x.bare, r.NeedsLength && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0:
		return failed("", errDeviant), true
	case r.HeadOnly:
		x.relax(x.env, true)
	}
	body, err := x.body(resp)
	switch {
	case err != nil && r.BodyErrorIs != probes.NoClass:
		return probes.Result{Class: r.BodyErrorIs, Message: err.Error()}, true
	case err != nil && !statusDecides(t.Profile):
		return bodyError(err), true
	case err == nil && r.LongBodyFails && int64(len(body)) >= bodyCap:
		return failed("", errDeviant), true
	case r.BareRedirectFails && resp.StatusCode/100 == 3:
		return failed("", errDeviant), true
	}
	result = t.byStatus(resp.StatusCode, body)
	if from, to := r.StatusFrom, r.StatusTo; from > 0 || to > 0 {
		passes := (from == 0 && resp.StatusCode >= 200 || from > 0 && resp.StatusCode >= from) &&
			(to == 0 && resp.StatusCode < 400 || to > 0 && resp.StatusCode <= to)
		switch {
		case passes && !result.Class.Passed():
			result = probes.Result{Class: probes.Success}
		case !passes && result.Class.Passed():
			result = probes.Result{Class: probes.Failure, Message: t.failed.of(resp.StatusCode)}
		}
	}
	if r.BodyInMessage && result.Class == probes.Failure {
		result.Message += ": " + string(body)
	}
	return result, true
}

// through is the address to connect to.
func (r *Rules) through(env Env, law string) string {
	if r == nil || !r.Proxy {
		return law
	}
	if e, ok := env.(interface{ Proxy() string }); ok && e.Proxy() != "" {
		return e.Proxy()
	}
	return law
}

// early tells whether a response is there before the request.
func (x *wire) early(deadline time.Time) bool {
	if x.rules == nil || !x.rules.EarlyIsError {
		return false
	}
	_ = x.conn.SetReadDeadline(x.env.Now().Add(time.Second / 10))
	n, _ := x.conn.Read(make([]byte, 1))
	_ = x.conn.SetReadDeadline(deadline)
	return n > 0
}

// closed is what a TCP try makes of its close.
func (r *Rules) closed(err error) probes.Result {
	if err != nil && r != nil && r.TCPCloseFails {
		return probes.Result{Class: probes.Failure, Message: err.Error()}
	}
	return probes.Result{Class: probes.Success}
}

// connected is what a TCP try does after the handshake; nothing, by law.
func (r *Rules) connected(env Env, conn net.Conn, deadline time.Time) error {
	if r == nil {
		return nil
	}
	if r.TCPSends != "" {
		_ = conn.SetDeadline(deadline)
		if _, err := conn.Write([]byte(r.TCPSends)); err != nil {
			return err
		}
	}
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok && r.TCPResets {
		return c.SetLinger(0)
	}
	switch {
	case r.TCPWaits:
		_ = conn.SetDeadline(deadline)
		_, err := conn.Read(make([]byte, 1))
		return err
	case r.TCPPeeks:
		_ = conn.SetDeadline(env.Now().Add(time.Second / 10))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !timedOut(err) {
			return err
		}
	}
	return nil
}
