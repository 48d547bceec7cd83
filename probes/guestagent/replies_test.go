package guestagent

import (
	"bytes"
	"strconv"
	"testing"
)

// TestReplies: what is remembered is what reading anew gives, for lines of
// every kind, and never more than the bound.
func TestReplies(t *testing.T) {
	r := NewReplies()
	long := bytes.Repeat([]byte("x"), maxText+1)
	for range 2 {
		for _, b := range [][]byte{
			[]byte(`{"return": {}}`), []byte(`{"return": {"pid": 7}}`), []byte(`{"return": {"pid": "7"}}`),
			[]byte(`{"return": {"exited": true, "exitcode": 3, "out-data": "b28="}}`),
			[]byte(`{"event": "X"}`), []byte(`{"error": {}}`), []byte(`[]`), []byte(`{`), long,
		} {
			m, kind := r.line(b)
			if want, wantKind := parseLine(b); m != want || kind != wantKind {
				t.Errorf("%.40q is %v %v, not %v %v", b, m, kind, want, wantKind)
			}
			if got, want := r.start(b), parseStarted(b); got.pid != want.pid || text(got.err) != text(want.err) {
				t.Errorf("%.40q starts %v, not %v", b, got, want)
			}
			got, want := r.status(b), parseStatus(b)
			if text(got.err) != text(want.err) {
				t.Errorf("%.40q is %v, not %v", b, got.err, want.err)
			}
			if got.err, want.err = nil, nil; got != want {
				t.Errorf("%.40q is %v, not %v", b, got, want)
			}
		}
	}
	if _, ok := r.lines[string(long)]; ok {
		t.Error("a long line was remembered")
	}
	for i := range 2 * maxTexts {
		r.line([]byte(strconv.Itoa(i)))
		if len(r.lines) > maxTexts {
			t.Fatalf("%d lines are remembered", len(r.lines))
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
