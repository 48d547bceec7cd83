package guestagent

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// maxResponse is the number of bytes without a newline at which libvirt gives
// up on the channel (QEMU_AGENT_MAX_RESPONSE, GA-GARBAGE).
const maxResponse = 10 << 20

// Decoder cuts a byte stream into lines (GA-FRAMING). The zero value is
// ready. It never holds more than maxResponse bytes and what was written
// last.
type Decoder struct {
	buf  []byte
	r    int // buf[:r] is taken
	scan int // no newline in buf[r:scan]
}

// Write appends bytes of the stream.
func (d *Decoder) Write(p []byte) {
	if d.r > 0 && d.r == len(d.buf) {
		d.buf, d.r, d.scan = d.buf[:0], 0, 0
	}
	if d.r > 4096 {
		d.buf = append(d.buf[:0], d.buf[d.r:]...)
		d.scan -= d.r
		d.r = 0
	}
	if n := len(d.buf) + len(p); n > cap(d.buf) && n > large {
		d.grow(n)
	}
	d.buf = append(d.buf, p...)
}

// floods holds the buffers of earlier floods: to make and clear one costs more
// than to fill it.
var floods sync.Pool //nolint:gochecknoglobals // memory without content

// grow makes room for so many bytes of a long line.
func (d *Decoder) grow(n int) {
	if b, ok := floods.Get().(*[]byte); ok && cap(*b) >= n {
		d.buf = append((*b)[:0], d.buf...)
		return
	}
	d.buf = slices.Grow(d.buf, min(3*n, maxResponse+n)) // a flood is not copied again and again
}

// large is the length of a line that needs a buffer of its own.
const large = 64 << 10

// Next gives the next complete line without its newline; it is valid until
// the next Write. ok is false when no complete line is there.
func (d *Decoder) Next() (line []byte, ok bool) {
	nl := bytes.IndexByte(d.buf[d.scan:], '\n')
	if nl < 0 {
		d.scan = len(d.buf)
		return nil, false
	}
	end := d.scan + nl
	line = d.buf[d.r:end]
	d.r, d.scan = end+1, end+1
	return line, true
}

// Pending is the number of bytes of the incomplete line, once Next has
// returned false.
func (d *Decoder) Pending() int { return len(d.buf) - d.r }

// Reset forgets everything, and leaves a large buffer to others.
func (d *Decoder) Reset() {
	if cap(d.buf) > large {
		b := d.buf[:0]
		floods.Put(&b)
		d.buf = nil
	}
	d.buf, d.r, d.scan = d.buf[:0], 0, 0
}

// lineKind says what a line is to libvirt.
type lineKind uint8

const (
	notJSON   lineKind = iota // tolerated once, in the first sync
	malformed                 // JSON, but nothing that an agent may say
	ignored                   // a QMP greeting or an event
	reply                     // an object with "return" or "error"
)

// message is a line that libvirt would act on.
type message struct {
	id    uint64 // "return" as an unsigned number, when isID
	isID  bool
	isErr bool // has an "error" member
}

// parseLine classifies a line. The two replies that nearly every agent sends,
// an empty object and a number, are read without allocating.
func parseLine(line []byte) (message, lineKind) {
	if m, ok := parsePlain(line); ok {
		return m, reply
	}
	if !utf8.Valid(line) || !json.Valid(line) {
		return message{}, notJSON
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil || members == nil {
		return message{}, malformed
	}
	if _, ok := members["QMP"]; ok {
		return message{}, ignored
	}
	if event, ok := members["event"]; ok {
		if len(event) == 0 || event[0] != '"' {
			return message{}, malformed // an event without a type
		}
		return message{}, ignored
	}
	value, isReturn := members["return"]
	_, isErr := members["error"]
	if !isReturn && !isErr {
		return message{}, malformed
	}
	m := message{isErr: isErr}
	if id, err := strconv.ParseUint(string(value), 10, 64); err == nil {
		m.id, m.isID = id, true
	}
	return m, reply
}

// parsePlain reads {"return": {}} and {"return": 123}.
func parsePlain(line []byte) (m message, ok bool) {
	const open = `{"return":`
	if len(line) <= len(open) || string(line[:len(open)]) != open {
		return m, false
	}
	rest := bytes.Trim(line[len(open):], " \t\r")
	if string(rest) == "{}}" {
		return m, true
	}
	digits := len(rest) - 1
	if digits < 1 || digits > 18 || rest[digits] != '}' || rest[0] == '0' && digits > 1 {
		return m, false
	}
	for _, c := range rest[:digits] {
		if c < '0' || c > '9' {
			return m, false
		}
		m.id = m.id*10 + uint64(c-'0')
	}
	m.isID = true
	return m, true
}

// agentError words the error of a reply to a command, as libvirt does: the
// description, else the class.
func agentError(command string, line []byte) *Error {
	var members struct {
		Error json.RawMessage `json:"error"`
	}
	var detail struct {
		Class *string `json:"class"`
		Desc  *string `json:"desc"`
	}
	text := "unknown QEMU command error"
	if json.Unmarshal(line, &members) == nil && json.Unmarshal(members.Error, &detail) == nil {
		switch {
		case detail.Desc != nil:
			text = *detail.Desc
		case detail.Class != nil:
			text = *detail.Class
		}
	}
	return &Error{InternalError, "unable to execute QEMU agent command '" + command + "': " + text}
}
