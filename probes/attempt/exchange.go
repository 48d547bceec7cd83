package attempt

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Request is one HTTP request in full, for those who make the exchange on
// behalf of somebody else.
type Request struct {
	Address    string // "host:port" to dial
	TLS        bool
	ServerName string
	Raw        []byte // as sent
	// BodyLimit is how many bytes of the body are read; > 0.
	BodyLimit int64
	// RedirectLimit, when > 0, is the limit for the body of a redirect, which
	// is not read at all when it is announced to be longer.
	RedirectLimit int64
}

// Part is a part of an exchange.
type Part uint8

// The parts of an exchange, in their order.
const (
	Connecting Part = iota
	Handshake
	Head
	Body
	Complete
)

// Response is what came of a Request.
type Response struct {
	// Failed is the part that ended in Err; Complete: everything came.
	Failed Part
	Err    error // in the words of http.Client
	// Status, Proto and Header are set from Body on.
	Status int
	Proto  string
	Header http.Header
	Text   []byte // what was read of the body
	// Cut tells that BodyLimit ended the body.
	Cut bool
}

// Exchanger makes requests in the stead of a try. An [Env] that is one never
// sees a connection of an HTTP try.
type Exchanger interface {
	Exchange(r *Request, deadline time.Time) Response
}

// Exchange makes one request, as the tries of this package do it.
func Exchange(env Env, r *Request, deadline time.Time) (resp Response) {
	x := wires.Get().(*wire) //nolint:forcetypeassert // the pool holds nothing else
	x.prepare(nil)
	defer func() {
		x.close()
		wires.Put(x)
	}()
	conn, err := env.Dial(r.Address, deadline)
	if err != nil {
		if timedOut(err) {
			return Response{Failed: Connecting, Err: errHeaderTimeout}
		}
		return Response{Failed: Connecting, Err: &worded{dialError(r.Address, err), err}}
	}
	x.conn, x.under = conn, conn
	if r.TLS {
		if err := x.secure(env, &hop{name: r.ServerName}, deadline); err != nil {
			return Response{Failed: Handshake, Err: err}
		}
	}
	if err := x.conn.SetDeadline(deadline); err != nil {
		return Response{Failed: Head, Err: err}
	}
	if _, err := x.conn.Write(r.Raw); err != nil {
		return Response{Failed: Head, Err: x.explain("write", err)}
	}
	in, err := x.response()
	if err != nil {
		return Response{Failed: Head, Err: err}
	}
	resp = Response{Failed: Complete, Status: in.StatusCode, Proto: in.Proto, Header: in.Header}
	x.read(r, in, &resp)
	return resp
}

// read reads the body.
func (x *wire) read(r *Request, in *http.Response, resp *Response) {
	limit := r.BodyLimit
	if follows, _ := redirect(in.StatusCode); follows && r.RedirectLimit > 0 && in.Header.Get("Location") != "" {
		if limit = r.RedirectLimit; in.ContentLength > limit {
			return
		}
	}
	var err error
	resp.Text, err = io.ReadAll(io.LimitReader(in.Body, limit))
	if err != nil {
		resp.Failed, resp.Err = Body, x.explainBody(err)
		return
	}
	resp.Cut = int64(len(resp.Text)) == limit
}

// worded is an error in the words of another.
type worded struct {
	words error
	cause error
}

func (w *worded) Error() string { return w.words.Error() }
func (w *worded) Unwrap() error { return w.cause }

// Timeout tells whether the deadline passed.
func (r *Response) Timeout() bool {
	return timedOut(r.Err) || errors.Is(r.Err, errHeaderTimeout) || errors.Is(r.Err, errBodyTimeout) || errors.Is(r.Err, errTLSTimeout)
}

// Reset tells whether the peer reset the connection.
func (r *Response) Reset() bool {
	return errors.Is(r.Err, syscall.ECONNRESET) || errors.Is(r.Err, syscall.EPIPE)
}

// Refused tells whether nobody listens.
func (r *Response) Refused() bool { return errors.Is(r.Err, syscall.ECONNREFUSED) }

// Closed tells whether the peer closed the connection too early.
func (r *Response) Closed() bool {
	return errors.Is(r.Err, io.EOF) || errors.Is(r.Err, io.ErrUnexpectedEOF) || errors.Is(r.Err, os.ErrClosed)
}

// TooLarge tells whether the heads exceeded what a client takes.
func (r *Response) TooLarge() bool { return errors.Is(r.Err, errHeaderCap) }

// ask has somebody else make the request of a hop.
func (x *wire) ask(env Env, ex Exchanger, h *hop, deadline time.Time) error {
	if h.writeErr != nil { // noticed once connected
		conn, err := env.Dial(h.dial, deadline)
		if err != nil {
			return dialError(h.dial, err)
		}
		_ = conn.Close()
		return broken(h.writeErr)
	}
	if !deadline.After(env.Now()) {
		return errHeaderTimeout
	}
	x.asked = ex.Exchange(&Request{
		Address: x.rules.through(env, h.dial), TLS: h.tls, ServerName: h.name, Raw: h.raw,
		BodyLimit: x.rules.bodyCap(), RedirectLimit: slurpCap,
	}, deadline)
	x.remote = true
	if x.asked.Failed < Head {
		return x.asked.Err
	}
	return nil
}

// answered is the response to what was asked.
func (x *wire) answered() (*http.Response, error) {
	if x.asked.Failed == Head {
		return nil, x.asked.Err
	}
	resp := &http.Response{
		StatusCode: x.asked.Status, Proto: x.asked.Proto, Header: x.asked.Header, ContentLength: -1,
		Body: io.NopCloser(bytes.NewReader(x.asked.Text)),
	}
	if x.asked.Failed == Body {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(x.asked.Text), failing{x.asked.Err}))
	}
	return resp, nil
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
