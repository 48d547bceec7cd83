package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// MaxReply and MaxRequest are how long a line may be, in bytes. A guest agent
// may reply with 10 MiB, which the suite passes on.
const (
	MaxReply   = 4 << 20
	MaxRequest = 32 << 20
)

// DecodeReply reads and checks the prober's answer to a request. Everything
// that the protocol does not know is refused: a field that nobody reads is a
// mistake that nobody sees.
func DecodeReply(line []byte, to *Request) (*Reply, error) {
	var r Reply
	if err := decode(line, &r, to.Seq); err != nil {
		return nil, err
	}
	c := &checker{seq: to.Seq}
	if r.Seq != to.Seq {
		c.fail("seq", fmt.Sprintf("repeat the seq of the message that is answered: %d", to.Seq), "it is %d", r.Seq)
	}
	r.check(c, to)
	if c.first != nil {
		return nil, c.first
	}
	return &r, nil
}

// DecodeRequest reads and checks a message of the suite.
func DecodeRequest(line []byte) (*Request, error) {
	var r Request
	if err := decode(line, &r, 0); err != nil {
		return nil, err
	}
	c := &checker{seq: r.Seq}
	r.check(c)
	if c.first != nil {
		return nil, c.first
	}
	return &r, nil
}

// decode is strict JSON decoding with errors that name the place.
func decode(line []byte, into any, seq int64) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			return &Violation{Seq: seq, What: "more than one JSON value in a line: " + Excerpt(line), Fix: "end each message with a newline"}
		}
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Violation{Seq: seq, Field: wrong.Field, What: fmt.Sprintf("a %s where %s is wanted", wrong.Value, kindOf(wrong.Type))}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return &Violation{Seq: seq, Field: name, What: "no such field", Fix: diag.DidYouMean(name, fieldNames())}
	}
	return &Violation{
		Seq: seq, What: "no JSON: " + Excerpt(line),
		Fix: "write nothing but messages to standard output; standard error is free",
	}
}

// kindOf names a Go type as a user of JSON would.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return kindOf(t.Elem())
	default:
		return "an integer"
	}
}

// fieldNames lists the names of all fields, for suggestions.
var fieldNames = sync.OnceValue(func() []string {
	var names []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Reply]())
	walk(reflect.TypeFor[Report]())
	slices.Sort(names)
	return slices.Compact(names)
})

// Excerpt shows the beginning of a line, for messages.
func Excerpt(line []byte) string {
	const most = 120
	if len(line) > most {
		return fmt.Sprintf("%q... (%d bytes)", line[:most], len(line))
	}
	return fmt.Sprintf("%q", line)
}
