package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"unicode/utf8"
)

// Format is the value of "format" in the header line.
const Format = "vmprobe-trace"

// Writer writes a trace as one JSON object a line: a header, the events, an
// end line with the digests. It is a Sink. Fields have a fixed order, absent
// means zero, times are integers in nanoseconds: the same events give the
// same bytes.
type Writer struct {
	w      io.Writer
	buf    []byte
	sum    hash.Hash
	hasher *Hasher
	err    error
	closed bool
}

// flushAt is the size at which the buffer is handed on.
const flushAt = 64 << 10

// NewWriter writes the header; errors of w are returned by Close.
func NewWriter(w io.Writer, h Header) *Writer {
	t := &Writer{w: w, sum: sha256.New(), hasher: NewHasher(h.VMs)}
	t.buf = appendHeader(t.buf, h)
	return t
}

// Record implements Sink.
func (w *Writer) Record(e Event) {
	// The digest is that of what a reader gets back.
	e.VM, e.Value = cleanText(e.VM), cleanText(e.Value)
	w.hasher.Add(w.hasher.Index(e.VM), &e)
	w.buf = AppendEvent(w.buf, &e)
	w.buf = append(w.buf, '\n')
	if len(w.buf) >= flushAt {
		w.flush()
	}
}

func (w *Writer) flush() {
	w.sum.Write(w.buf)
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// errClosed is what a second Close returns.
var errClosed = errors.New("trace: already closed")

// Close writes the end line and returns the first error of the writer.
func (w *Writer) Close() error {
	if w.closed {
		return errClosed
	}
	w.closed = true
	w.flush()
	b := append(w.buf, `{"end":`...)
	b = strconv.AppendUint(b, w.hasher.Records(), 10)
	b = append(b, `,"digest":"`...)
	b = append(b, w.hasher.Digest()...)
	b = append(b, `","minutes":[`...)
	for i, m := range w.hasher.minutes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strconv.AppendUint(b, m, 16)
		b = append(b, '"')
	}
	b = append(b, `],"sha256":"`...)
	b = append(b, hex.EncodeToString(w.sum.Sum(nil))...)
	w.buf = append(b, "\"}\n"...)
	w.flush()
	return w.err
}

// Digest is the logical digest of what was recorded so far.
func (w *Writer) Digest() string { return w.hasher.Digest() }

// Write writes a whole trace.
func Write(w io.Writer, t *Trace) error {
	tw := NewWriter(w, t.Header)
	for i := range t.Events {
		tw.Record(t.Events[i])
	}
	return tw.Close()
}

func appendHeader(b []byte, h Header) []byte {
	b = append(b, `{"format":"`+Format+`","version":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = appendText(b, "case", h.Case)
	b = appendText(b, "profile", h.Profile)
	b = append(b, `,"seed":`...)
	b = strconv.AppendUint(b, h.Seed, 10)
	b = appendText(b, "tool", h.Tool)
	b = append(b, `,"vms":`...)
	b = appendList(b, h.VMs)
	b = appendText(b, "view", string(h.View))
	if h.Wall {
		b = append(b, `,"wall":true,"late":`...)
		b = strconv.AppendInt(b, int64(h.Late), 10)
		if h.Slack > 0 {
			b = append(b, `,"slack":`...)
			b = strconv.AppendInt(b, int64(h.Slack), 10)
		}
	}
	if len(h.Notes) > 0 {
		b = append(b, `,"notes":`...)
		b = appendList(b, h.Notes)
	}
	return append(b, "}\n"...)
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, text)
	}
	return append(b, ']')
}

// AppendEvent appends the JSON object of one event, without a newline.
func AppendEvent(b []byte, e *Event) []byte {
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, int64(e.T), 10)
	b = appendText(b, "vm", e.VM)
	b = appendInt(b, "instance", e.Instance)
	b = appendText(b, "kind", e.Kind.String())
	if e.HasProbe {
		b = appendText(b, "probe", e.Probe.String())
	}
	b = appendInt(b, "attempt", e.Attempt)
	b = appendInt(b, "try", e.Try)
	if e.Class != 0 {
		b = appendText(b, "class", e.Class.String())
	}
	if e.OK {
		b = append(b, `,"ok":true`...)
	}
	b = appendText(b, "value", e.Value)
	b = appendText(b, "msg", e.Msg)
	return append(b, '}')
}

func appendInt(b []byte, key string, n int32) []byte {
	if n == 0 {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}

func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	return appendString(b, s)
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c == '\n':
				b = append(b, '\\', 'n')
			case c < ' ' || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			default:
				b = append(b, c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += size
	}
	return append(b, '"')
}
