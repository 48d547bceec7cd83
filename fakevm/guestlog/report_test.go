package guestlog

import (
	"bytes"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// TestTell: what is told can be read again, in one line each, and is numbered.
func TestTell(t *testing.T) {
	var out bytes.Buffer
	wall := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	x := Teller{Out: &out, Container: 2, Now: func() time.Duration { return time.Minute }, Wall: func() time.Time { return wall }}
	x.Tell(Report{Event: EventHello})
	x.Tell(Saw(fakevm.Record{Endpoint: "exec", Seen: "check\nit"}))
	lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), &out)
	}
	for i, line := range lines {
		r, ok := Parse(line)
		if !ok || r.Seq != i+1 || r.Container != 2 || !r.Wall.Equal(wall) || r.At != time.Minute {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// TestSaw: what a guest logs is one of four kinds.
func TestSaw(t *testing.T) {
	for _, c := range []struct {
		record fakevm.Record
		want   string
	}{
		{fakevm.Record{Endpoint: "agent", Seen: "guest-ping"}, EventSaw},
		{fakevm.Record{Endpoint: "http/1", Seen: "connect", Did: &fakevm.Reply{}, Unasked: true}, EventSaw},
		{fakevm.Record{Endpoint: "tcp/1", Exhausted: true}, EventExhausted},
		{fakevm.Record{Endpoint: "tcp/1", Violation: true, Did: &fakevm.Reply{}}, EventViolation},
		{fakevm.Record{Endpoint: "agent", Note: "no port"}, EventTrouble},
	} {
		if r := Saw(c.record); r.Event != c.want || r.Event == EventViolation && r.Did != nil || r.Unasked != c.record.Unasked {
			t.Errorf("%+v: %+v", c.record, r)
		}
	}
}

// FuzzParse: no line of a log breaks the reader.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"vmprobe":1,"container":1,"seq":1,"wall":"2026-01-02T03:04:05Z","at":5,"event":"boot"}`))
	f.Add([]byte(`{"vmprobe":1`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, ok := Parse(line); ok && (r.Container < 1 || r.Event == "") {
			t.Errorf("%s: %+v", line, r)
		}
	})
}
