package protocol

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Greeting is what a prober says of itself.
type Greeting struct {
	Implementation Implementation
	// Features are those that the prober has; what is not offered is left out.
	Features []string
	// Profiles are the dialects that it speaks; empty: all.
	Profiles []string
}

// Prober is a prober under test: a machine without clock, network and
// randomness of its own.
type Prober interface {
	Hello() Greeting
	// Open begins a case; everything before it is forgotten.
	Open(r *Request) error
	// Step takes what happened at an instant and returns what is to be done,
	// and when to be woken; a negative wakeAt waits for events.
	Step(now time.Duration, events []Event) (do []Action, wakeAt time.Duration, err error)
}

// Serve answers the suite until it closes the stream: an adapter in Go is
//
//	err := protocol.ServeStdio(myProber{})
//
// An error is one of the streams, of the suite's messages, or of the prober.
func Serve(ctx context.Context, in io.Reader, out io.Writer, p Prober) error {
	lines := NewLines(in, MaxRequest)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the suite: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := DecodeRequest(line)
		if err != nil {
			return err
		}
		reply, err := AnswerOf(p, r)
		if err != nil {
			return fmt.Errorf("message %d, %s: %w", r.Seq, r.Op, err)
		}
		if err := enc.Encode(reply); err != nil {
			return fmt.Errorf("answer message %d: %w", r.Seq, err)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("answer message %d: %w", r.Seq, err)
		}
	}
}

// ServeStdio is Serve on standard input and output.
func ServeStdio(p Prober) error { return Serve(context.Background(), os.Stdin, os.Stdout, p) }

// AnswerOf is the reply of a prober to a checked request.
func AnswerOf(p Prober, r *Request) (*Reply, error) {
	reply := &Reply{Seq: r.Seq}
	switch r.Op {
	case Hello:
		g := p.Hello()
		reply.Protocol, reply.Implementation, reply.Profiles = Version, &g.Implementation, g.Profiles
		for _, f := range r.Offered {
			for _, have := range g.Features {
				if f == have {
					reply.Features = append(reply.Features, f)
				}
			}
		}
	case Open:
		return reply, p.Open(r)
	case Step:
		do, wake, err := p.Step(time.Duration(r.NowNs), r.Events)
		if err != nil {
			return nil, err
		}
		reply.Do = do
		if wake >= 0 {
			ns := int64(wake)
			reply.WakeAtNs = &ns
		}
	case Close:
	}
	return reply, nil
}

// Lines reads lines of a limited length.
type Lines struct {
	r    *bufio.Reader
	b    []byte
	most int
}

// NewLines reads lines of at most so many bytes from r.
func NewLines(r io.Reader, most int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 64<<10), most: most}
}

// ErrLine is the error of a line that is too long.
var ErrLine = errors.New("the line is too long")

// Next gives the next line without its end, valid until the next call.
// io.ErrUnexpectedEOF: the stream ended inside a line.
func (l *Lines) Next() ([]byte, error) {
	l.b = l.b[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.b) == 0 && err == nil {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		if l.b = append(l.b, part...); len(l.b) > l.most {
			return nil, fmt.Errorf("%w: more than %d MiB", ErrLine, l.most>>20)
		}
		switch {
		case err == nil:
			return bytes.TrimRight(l.b, "\r\n"), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.b) > 0:
			return l.b, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// AppendRequest appends a request as a line.
func AppendRequest(b []byte, r *Request) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return b, err
	}
	return append(append(b, data...), '\n'), nil
}
