package attempt

import (
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/vmprobe/vmprobe/probes"
)

// maxFills is the number of reads that the fast path spends on a head before
// it leaves a dripping server to the parser.
const maxFills = 8

// fast answers the response that nearly every server gives: HTTP/1.x, a
// plain status, plain headers, Content-Length or the end of the connection.
// It allocates nothing. done is false when anything is unusual; then nothing
// is consumed and the parser of net/http reads the same bytes from the start.
func (x *wire) fast(t *Target) (result probes.Result, done bool) {
	var h head
	for range maxFills {
		if x.fill() != nil {
			return result, false
		}
		switch h = parseHead(x.buf[:x.w]); h.state {
		case headOdd:
			return result, false
		case headPartial:
			if x.w == len(x.buf) {
				return result, false
			}
			continue
		case headComplete:
		}
		break
	}
	if h.state != headComplete {
		return result, false
	}
	x.limit = math.MaxInt64
	if err := x.skipBody(&h); err != nil && !statusDecides(t.Profile) {
		return bodyError(x.explainBody(err)), true
	}
	return t.byStatus(h.status, nil), true
}

// skipBody reads as much of the body as the kubelet would.
func (x *wire) skipBody(h *head) error {
	want := int64(bodyCap)
	if h.length >= 0 && h.length < want {
		want = h.length
	}
	want -= int64(x.w - h.size)
	for empty := 0; want > 0; {
		n, err := x.receive(x.buf[:])
		want -= int64(n)
		switch {
		case want <= 0:
		case errors.Is(err, io.EOF):
			if h.length >= 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		case err != nil:
			return err
		case n > 0:
			empty = 0
		default:
			if empty++; empty >= 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// headState says how far a head was understood.
type headState uint8

const (
	headPartial  headState = iota // more bytes are needed
	headOdd                       // not for the fast path
	headComplete                  // all is known
)

// head is what matters of a response head.
type head struct {
	state  headState
	status int
	length int64 // of the body; -1: until the end of the connection
	size   int   // bytes of the head
}

// parseHead understands a head only if net/http would understand the same.
func parseHead(b []byte) head {
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		return head{}
	}
	status, ok := parseStatusLine(trimCR(b[:nl]))
	if !ok {
		return head{state: headOdd}
	}
	h := head{status: status, length: -1}
	for at := nl + 1; ; {
		nl := bytes.IndexByte(b[at:], '\n')
		if nl < 0 {
			return head{}
		}
		line := trimCR(b[at : at+nl])
		at += nl + 1
		if len(line) == 0 {
			h.state, h.size = headComplete, at
			break
		}
		if !h.header(line) {
			return head{state: headOdd}
		}
	}
	if status == 204 || status == 304 {
		h.length = 0
	}
	return h
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// parseStatusLine accepts "HTTP/1.x NNN" and "HTTP/1.x NNN reason" with a
// status that is final, no redirect, and needs no body text in a message.
func parseStatusLine(line []byte) (status int, ok bool) {
	const size = len("HTTP/1.1 200")
	if len(line) < size || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return 0, false
	}
	if len(line) > size && line[size] != ' ' {
		return 0, false
	}
	for _, c := range line[9:size] {
		if c < '0' || c > '9' {
			return 0, false
		}
		status = status*10 + int(c-'0')
	}
	if status < 200 || status >= 300 && status < 400 && status != 304 {
		return 0, false
	}
	return status, true
}

// header takes one line; it refuses whatever could change the framing or
// make net/http's parser think twice.
func (h *head) header(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	name, value := line[:colon], line[colon+1:]
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	for _, c := range value {
		if (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	switch {
	case sameName(name, "content-length"):
		n, ok := parseLength(bytes.Trim(value, " \t"))
		if !ok || h.length >= 0 {
			return false
		}
		h.length = n
	case sameName(name, "transfer-encoding"), sameName(name, "trailer"):
		return false
	}
	return true
}

// sameName compares a header name with a lower-case one.
func sameName(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func parseLength(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 15 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
