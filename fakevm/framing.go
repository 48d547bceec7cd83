package fakevm

import "bytes"

// maxCommand bounds one agent command, as qemu-ga bounds its tokens; a longer
// one is answered by a parse error.
const maxCommand = 1 << 20

// resync is the byte that makes the agent forget a half-read command; it also
// precedes the reply to guest-sync-delimited (GA-FRAMING).
const resync = 0xFF

// frames cuts the agent's input into JSON objects. qemu-ga reads a stream of
// objects, not lines: an object may span lines and a line hold two objects.
type frames struct {
	buf      []byte
	depth    int
	inString bool
	escaped  bool
	skipping bool // until the end of a line that is no JSON
}

// reset forgets what was read.
func (f *frames) reset() { *f = frames{buf: f.buf[:0]} }

// feed takes bytes and calls object for each complete object, bad for input
// that is none. The slices are valid only during the call.
func (f *frames) feed(b []byte, object func([]byte), bad func()) {
	for len(b) > 0 {
		if f.skipping {
			i := bytes.IndexAny(b, "\n\xff")
			if j := bytes.IndexByte(b, resync); j >= 0 && (i < 0 || j < i) {
				i = j
			}
			if i < 0 {
				return
			}
			b, f.skipping = b[i+1:], false
			continue
		}
		c := b[0]
		b = b[1:]
		switch f.take(c) {
		case frameMore:
		case frameDone:
			object(f.buf)
			f.reset()
		case frameBad:
			f.reset()
			f.skipping = c != '\n'
			bad()
		}
	}
}

type frameState uint8

const (
	frameMore frameState = iota
	frameDone
	frameBad
)

// take is the lexer: it only tracks strings and nesting, the decoder judges
// the rest.
func (f *frames) take(c byte) frameState {
	if c == resync {
		f.reset()
		return frameMore
	}
	if f.depth == 0 {
		switch c {
		case ' ', '\t', '\r', '\n':
			return frameMore
		case '{', '[':
			f.depth = 1
			f.buf = append(f.buf, c)
			return frameMore
		}
		return frameBad
	}
	if len(f.buf) >= maxCommand {
		return frameBad
	}
	f.buf = append(f.buf, c)
	if f.inString {
		switch {
		case c < 0x20: // a raw control character ends every JSON string
			return frameBad
		case f.escaped:
			f.escaped = false
		case c == '\\':
			f.escaped = true
		case c == '"':
			f.inString = false
		}
		return frameMore
	}
	switch c {
	case '"':
		f.inString = true
	case '{', '[':
		f.depth++
	case '}', ']':
		f.depth--
	}
	if f.depth == 0 {
		return frameDone
	}
	return frameMore
}
