package attempt

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of net/http and the kubelet.
const (
	headerCap    = 10 << 20         // bytes of all heads of one request, 1xx included (HTTP-HDR-CAP)
	bodyCap      = 10 << 10         // bytes of the body that are read (HTTP-BODY-LIMIT)
	slurpCap     = 2 << 10          // bytes read of the body of a followed redirect
	maxRequests  = 10               // of one try (HTTP-REDIR-LIMIT)
	tlsHandshake = 10 * time.Second // HTTP-TLS-NOVERIFY
)

// wire is one connection of a try with its read buffer. As an io.Reader it
// gives first what is buffered, then the connection, under the header cap.
type wire struct {
	conn   net.Conn // TLS or plain
	under  net.Conn // what to close
	buf    [4096]byte
	r, w   int   // buf[r:w] is read and not yet taken
	limit  int64 // bytes that may still be read
	err    error // of the last read; sticky
	br     *bufio.Reader
	reads  int           // by the parser
	curves []tls.CurveID // that TLS offers; nil: those of crypto/tls
	again  []byte        // the last interim response, as it came

	rules   *Rules
	env     Env           // for rules
	timeout time.Duration // for rules
	bare    bool          // a line ended without CR, when rules care

	remote bool     // somebody else made the exchange; there is no conn
	asked  Response // what came of it
}

var wires = sync.Pool{New: func() any {
	x := new(wire)
	x.br = bufio.NewReader(x)
	return x
}}

// prepare makes the wire ready for a try.
func (x *wire) prepare(rules *Rules) {
	x.r, x.w, x.limit = 0, 0, rules.headCap()
	x.rules, x.bare, x.remote, x.asked, x.curves = rules, false, false, Response{}, nil
}

// open dials, shakes hands and sends the request. On an error the connection
// is closed; the error says what http.Client would. The caller closes.
func (x *wire) open(env Env, h *hop, deadline time.Time) error {
	if h.err != nil {
		return h.err
	}
	if ex, ok := env.(Exchanger); ok {
		return x.ask(env, ex, h, deadline)
	}
	conn, err := env.Dial(x.rules.through(env, h.dial), deadline)
	if err != nil {
		if timedOut(err) {
			return errHeaderTimeout
		}
		return dialError(h.dial, err)
	}
	x.conn, x.under = conn, conn
	if h.tls {
		if err := x.secure(env, h, deadline); err != nil {
			x.close()
			return err
		}
	}
	if err := x.conn.SetDeadline(deadline); err != nil {
		x.close()
		return err
	}
	if x.early(deadline) {
		x.close()
		return errEarly
	}
	if h.writeErr != nil {
		x.close()
		return broken(h.writeErr)
	}
	if _, err := x.conn.Write(h.raw); err != nil {
		err = x.explain("write", err)
		x.close()
		return err
	}
	x.relax(env, x.rules != nil && x.rules.ConnectOnly)
	return nil
}

// secure makes the TLS handshake, on the calling goroutine and without
// verification (HTTP-TLS-NOVERIFY).
func (x *wire) secure(env Env, h *hop, deadline time.Time) error {
	limit, capped := env.Now().Add(tlsHandshake), true
	if !limit.Before(deadline) {
		limit, capped = deadline, false
	}
	if err := x.under.SetDeadline(limit); err != nil {
		return err
	}
	conn := tls.Client(x.under, &tls.Config{
		ServerName:         h.name,
		InsecureSkipVerify: !x.rules.verifies(), //nolint:gosec // a probe must not verify
		NextProtos:         []string{"http/1.1"},
		CurvePreferences:   x.curves,
		Time:               env.Now,
	})
	x.conn = conn
	err := conn.Handshake()
	if err == nil {
		return nil
	}
	if record := (tls.RecordHeaderError{}); errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/" {
		return errSchemeMixup
	}
	if timedOut(err) && capped {
		return errTLSTimeout
	}
	return x.explain("read", err)
}

// explain words an error before the headers are complete.
func (x *wire) explain(op string, err error) error {
	if timedOut(err) {
		return errHeaderTimeout
	}
	return connError(op, x.conn, err)
}

// broken words an error that net/http's own reader or writer found.
func broken(err error) error {
	return fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", err)
}

func (x *wire) close() {
	if x.under != nil && !x.rules.leaks() {
		_ = x.under.Close()
	}
	x.conn, x.under, x.err = nil, nil, nil
	x.r, x.w, x.limit = 0, 0, x.rules.headCap()
}

// Read implements io.Reader for the parser of net/http.
func (x *wire) Read(p []byte) (int, error) {
	x.reads++
	if x.r < x.w {
		n := copy(p, x.buf[x.r:x.w])
		x.r += n
		return n, nil
	}
	return x.receive(p)
}

// fill reads once into the free end of the buffer.
func (x *wire) fill() error {
	n, err := x.receive(x.buf[x.w:])
	x.w += n
	return err
}

func (x *wire) receive(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	if x.limit <= 0 {
		return 0, errHeaderCap
	}
	if int64(len(p)) > x.limit {
		p = p[:x.limit]
	}
	x.refresh()
	n, err := x.conn.Read(p)
	x.limit -= int64(n)
	x.look(p[:n])
	if err != nil {
		x.err = err
		if n > 0 {
			err = nil
		}
	}
	return n, err
}

// response reads the final response with net/http's parser; 1xx responses
// before it are skipped, 101 is final (HTTP-1XX).
func (x *wire) response() (*http.Response, error) {
	if x.remote {
		return x.answered()
	}
	x.br.Reset(x)
	if _, err := x.br.Peek(1); err != nil {
		return nil, x.explain("read", err)
	}
	x.again = x.again[:0]
	for interim := 1; ; {
		if interim += x.repeats(); x.rules.tooMany(interim) {
			return nil, broken(errDeviant)
		}
		ahead, _ := x.br.Peek(x.br.Buffered())
		reads := x.reads
		resp, err := http.ReadResponse(x.br, nil)
		if err != nil {
			if x.limit <= 0 {
				return nil, broken(errHeaderCap)
			}
			if timedOut(err) {
				return nil, errHeaderTimeout
			}
			return nil, broken(connError("read", x.conn, err))
		}
		if x.rules.skips(resp.StatusCode) {
			if x.reads == reads { // all of it was in the buffer, and still is
				x.again = append(x.again[:0], ahead[:len(ahead)-x.br.Buffered()]...)
			}
			if interim++; x.rules.tooMany(interim) {
				return nil, broken(errDeviant)
			}
			continue
		}
		x.limit = math.MaxInt64
		if resp.StatusCode == http.StatusSwitchingProtocols && asksForSwitch(resp.Header) {
			// The Transport hands out the connection itself as the body. (It
			// also forgets Client.Timeout there, so a kubelet hangs on a peer
			// that stays silent after this; here the deadline holds.)
			resp.Body = io.NopCloser(x.br)
		}
		return resp, nil
	}
}

// repeats counts and skips interim responses that say what the last one said, as
// far as they are there: a peer that sends them without end (HTTP-HDR-CAP) sends a
// hundred thousand.
func (x *wire) repeats() (n int) {
	if len(x.again) == 0 {
		return 0
	}
	ahead, _ := x.br.Peek(x.br.Buffered())
	for bytes.HasPrefix(ahead[n*len(x.again):], x.again) {
		n++
	}
	_, _ = x.br.Discard(n * len(x.again)) // it is in the buffer
	return n
}

// body reads what the kubelet reads of a body: at most bodyCap bytes. What
// Rules make it read beyond that is not kept: a body may be endless.
func (x *wire) body(resp *http.Response) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, min(x.rules.bodyCap(), bodyCap)))
	if more := x.rules.bodyCap() - bodyCap; err == nil && more > 0 {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, more))
	}
	if err != nil {
		return nil, x.explainBody(err)
	}
	return b, nil
}

func (x *wire) explainBody(err error) error {
	if timedOut(err) {
		return errBodyTimeout
	}
	return connError("read", x.conn, err)
}

// slurp reads a little of the body of a followed redirect, as http.Client
// does in the hope of reusing the connection; it blocks as that does.
func (x *wire) slurp(resp *http.Response) {
	if resp.ContentLength == -1 || resp.ContentLength <= slurpCap {
		_, _ = io.CopyN(io.Discard, resp.Body, slurpCap)
	}
}
