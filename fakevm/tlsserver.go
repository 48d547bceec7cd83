package fakevm

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// tlsLink carries an HTTP connection over TLS. The TLS state machine blocks in
// its reads, so it lives in Host.Blocking; its writes go to the session at
// once, so the HTTP server may send from any callback.
type tlsLink struct {
	conn
	raw   Handler // feeds the blocking reader
	inner *httpConn
	// inside: the reader's task is in the HTTP server; over: it shall end.
	inside, over bool
}

// serveTLS is the handler of an accepted HTTPS connection.
func (g *Guest) serveTLS(e *endpoint, p pick, s Session) Handler {
	l := &tlsLink{inner: &httpConn{}}
	g.attach(&l.conn, s, l)
	l.inner.g = g
	kind := ""
	if p.reply.HTTP != nil {
		kind = p.reply.HTTP.Certificate
	}
	l.raw = g.host.Blocking(s, func(bc BlockingConn) { l.run(e, p, bc, kind) })
	return &l.conn
}

// run shakes hands and then feeds the HTTP server until the peer leaves.
func (l *tlsLink) run(e *endpoint, p pick, bc BlockingConn, kind string) {
	raw := &tlsRaw{bc: bc, s: l.s}
	tc := tls.Server(raw, tlsConfig(kind))
	if err := tc.Handshake(); err != nil {
		l.g.log(e, p, "connect", "no TLS handshake")
		if rh, ok := errors.AsType[tls.RecordHeaderError](err); ok && rh.Conn != nil && methodChar(rh.RecordHeader[0]) {
			l.s.Send([]byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"))
		}
		l.s.Close()
		return
	}
	defer l.detach()
	l.enter(func() { l.inner.serve(e, p, &tlsSession{tc: tc, l: l}) })
	buf := make([]byte, 4<<10)
	for !l.over {
		n, err := tc.Read(buf)
		l.enter(func() {
			if n > 0 {
				l.inner.OnData(buf[:n])
			}
			if err != nil && !l.over {
				l.inner.OnClose(closeError(err))
			}
		})
		if err != nil {
			return
		}
	}
}

func (l *tlsLink) enter(fn func()) {
	l.inside = true
	fn()
	l.inside = false
}

// abort ends the reader's task after the session was reset on this side.
func (l *tlsLink) abort() {
	l.over = true
	if !l.inside && l.raw != nil {
		l.raw.OnClose(net.ErrClosed)
	}
}

// closeError is nil for an orderly end.
func closeError(err error) error {
	if errors.Is(err, net.ErrClosed) || err.Error() == "EOF" {
		return nil
	}
	return err
}

func (l *tlsLink) OnData(b []byte)   { l.raw.OnData(b) }
func (l *tlsLink) OnClose(err error) { l.raw.OnClose(err) }
func (l *tlsLink) OnDrained() {
	l.raw.OnDrained()
	if l.inner.out != nil {
		l.inner.OnDrained()
	}
}

// tlsSession is the HTTP server's way out.
type tlsSession struct {
	tc *tls.Conn
	l  *tlsLink
}

func (t *tlsSession) Send(b []byte) {
	_, _ = t.tc.Write(b) // the raw conn never fails; a closed one drops
}
func (t *tlsSession) Pending() int   { return t.l.s.Pending() }
func (t *tlsSession) Remote() string { return t.l.s.Remote() }

// Reset resets the session under TLS, without an alert.
func (t *tlsSession) Reset() {
	t.l.s.Reset()
	t.l.abort()
}

// Close sends close_notify, then FIN.
func (t *tlsSession) Close() {
	_ = t.tc.CloseWrite()
	t.l.s.Close()
}

// tlsRaw is the net.Conn under TLS. Deadlines mean nothing: the script decides
// how long things take.
type tlsRaw struct {
	bc BlockingConn
	s  Session
}

func (r *tlsRaw) Read(b []byte) (int, error) { return r.bc.Read(b) }

// Write copies: TLS uses its buffer again.
func (r *tlsRaw) Write(b []byte) (int, error) {
	r.s.Send(append([]byte(nil), b...))
	return len(b), nil
}
func (r *tlsRaw) Close() error                     { return nil }
func (r *tlsRaw) LocalAddr() net.Addr              { return tlsAddr{} }
func (r *tlsRaw) RemoteAddr() net.Addr             { return tlsAddr{} }
func (r *tlsRaw) SetDeadline(time.Time) error      { return nil }
func (r *tlsRaw) SetReadDeadline(time.Time) error  { return nil }
func (r *tlsRaw) SetWriteDeadline(time.Time) error { return nil }

type tlsAddr struct{}

func (tlsAddr) Network() string { return "fakevm" }
func (tlsAddr) String() string  { return "fakevm" }
