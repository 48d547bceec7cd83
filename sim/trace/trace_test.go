package trace_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

func header() trace.Header {
	return trace.Header{Case: "tcp-slow@kubevirt", Profile: "kubevirt", Seed: 1<<64 - 1, Tool: "v0.1.0", VMs: []string{"db", "web"}}
}

func events() []trace.Event {
	return []trace.Event{
		{T: -time.Second, VM: "db", Instance: 1, Kind: trace.VMICreated},
		{T: 0, VM: "db", Instance: 1, Kind: trace.ContainerStarted},
		{T: 10 * time.Second, VM: "db", Instance: 1, Kind: trace.TryStarted, HasProbe: true, Attempt: 1, Try: 1},
		{T: 10 * time.Second, VM: "web", Instance: 1, Kind: trace.GuestSaw, Value: "http/80", Msg: "{\"http\":\"\x7f\x00\"}"},
		{T: 11 * time.Second, VM: "db", Instance: 1, Kind: trace.TryFinished, HasProbe: true, Attempt: 1, Try: 1, Class: probes.Failure, Msg: "dial \"tcp\"\n\xff"},
		{T: 11 * time.Second, VM: "db", Instance: 1, Kind: trace.ProbeState, Probe: probes.Liveness, HasProbe: true, OK: true},
		{T: 75 * time.Second, Kind: trace.FaultStarted, Value: "short \u00e9 \xfe"},
	}
}

func write(t *testing.T, events []trace.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w := trace.NewWriter(&b, header())
	for _, e := range events {
		w.Record(e)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Close() == nil {
		t.Error("a second Close succeeded")
	}
	return b.Bytes()
}

func TestWriteGolden(t *testing.T) {
	golden := filepath.Join("testdata", "small.ndjson")
	got := write(t, events())
	if *rewrite {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	first := write(t, events())
	got, err := trace.Read(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Minutes) != 2 || !strings.HasPrefix(got.Digest, "v1:") {
		t.Errorf("minutes %v, digest %q", got.Minutes, got.Digest)
	}
	var again bytes.Buffer
	if err := trace.Write(&again, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), again.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(header(), got.Header); diff != "" {
		t.Error(diff)
	}
}

// TestWallHeader: what is known of a run on real connections comes back.
func TestWallHeader(t *testing.T) {
	want := trace.Header{
		Case: "a@kubernetes", Profile: "kubernetes", Seed: 1, Tool: "v1", VMs: []string{"a"}, View: trace.ViewGuest,
		Wall: true, Late: 3 * time.Millisecond, Slack: 3 * time.Second, Notes: []string{"another image"},
	}
	tr := &trace.Trace{Header: want}
	tr.Seal()
	var file bytes.Buffer
	if err := trace.Write(&file, tr); err != nil {
		t.Fatal(err)
	}
	got, err := trace.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Error(diff)
	}
}

func TestReadErrors(t *testing.T) {
	good := string(write(t, events()))
	lines := strings.SplitAfter(good, "\n")
	replaceLine := func(n int, text string) string {
		l := append([]string(nil), lines...)
		l[n-1] = text
		return strings.Join(l, "")
	}
	tests := []struct{ name, in, want string }{
		{"empty", "", "trace line 1: no header line"},
		{"garbage", "hello\n", "trace line 1: not a trace"},
		{"another format", `{"format":"x"}` + "\n", "trace line 1: not a trace"},
		{"a later version", `{"format":"vmprobe-trace","version":2,"new":1}` + "\n", "trace line 1: version 2 of the format"},
		{"unknown header field", `{"format":"vmprobe-trace","version":1,"new":1}` + "\n", `unknown field "new"`},
		{"slack in virtual time", `{"format":"vmprobe-trace","version":1,"slack":3}` + "\n", `"slack" (3) are nanoseconds of a run in wall time`},
		{"negative lateness", `{"format":"vmprobe-trace","version":1,"wall":true,"late":-1}` + "\n", `"late" (-1) and`},
		{"no end line", strings.Join(lines[:8], ""), "trace line 9: the file ends without"},
		{"cut in a line", good[:300], "it is truncated"},
		{"cut in the end line", good[:len(good)-10], "it is truncated"},
		{"not JSON", replaceLine(3, "}{\n"), "trace line 3: not an event"},
		{"half a line", replaceLine(3, "{\"t\":1\n"), "trace line 3: the line is cut off"},
		{"empty line", replaceLine(3, "\n"), "trace line 3: the line is cut off or empty"},
		{"no kind", replaceLine(3, "{\"t\":1}\n"), `trace line 3: an event needs "t" and "kind"`},
		{"unknown probe", replaceLine(3, `{"t":1,"kind":"ready","probe":"x"}`+"\n"), `trace line 3: unknown probe "x"`},
		{"unknown class", replaceLine(3, `{"t":1,"kind":"ready","class":"x"}`+"\n"), `trace line 3: unknown class "x"`},
		{"float time", replaceLine(3, `{"t":1.5,"kind":"ready"}`+"\n"), "trace line 3: not an event"},
		{"two values", replaceLine(3, `{"t":1,"kind":"ready"} {}`+"\n"), "trace line 3: more than one JSON value"},
		{"edited", strings.Replace(good, `"t":10000000000`, `"t":10000000001`, 1), "trace line 9: the file was changed"},
		{"event removed", replaceLine(4, ""), "counts 7 events, the file holds 6"},
		{"event added at the end", good + lines[2], "trace line 10: there is something after the end line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trace.Read(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, ok := errors.AsType[*trace.ReadError](err); !ok {
				t.Errorf("%T has no line", err)
			}
		})
	}
}

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriterReportsErrors(t *testing.T) {
	w := trace.NewWriter(&failing{after: 0}, header())
	w.Record(events()[0])
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata", "small.ndjson"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:200])
	f.Add([]byte("{\"format\":\"vmprobe-trace\",\"version\":1}\n{\"end\":0}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := trace.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := trace.Write(&b, got); err != nil {
			t.Fatal(err)
		}
		again, err := trace.Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := trace.Diff(got, again); d != nil || got.Digest != again.Digest {
			t.Fatalf("written again, the trace differs: %+v", d)
		}
	})
}

// FuzzWrite reaches behind the checks of the end line: any text in an event
// must survive the file.
func FuzzWrite(f *testing.F) {
	f.Add(int64(5), "web", uint8(trace.Ready), "a\"b", "\x00\xff")
	f.Fuzz(func(t *testing.T, at int64, vm string, kind uint8, value, msg string) {
		kind = kind%uint8(trace.LastKind) + 1
		r := trace.Recorder{Events: []trace.Event{{T: time.Duration(at), VM: vm, Kind: trace.Kind(kind), Value: value, Msg: msg}}}
		var b bytes.Buffer
		if err := trace.Write(&b, r.Trace(trace.Header{Case: msg, VMs: []string{value}})); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b.Bytes(), []byte("\n")); n != 3 {
			t.Fatalf("%d lines", n)
		}
		if _, err := trace.Read(&b); err != nil {
			t.Fatal(err)
		}
	})
}

func digest(events []trace.Event) string {
	h := trace.NewHasher([]string{"db", "web"})
	for _, e := range events {
		h.Record(e)
	}
	return h.Digest()
}

func TestDigestSeesEveryFieldButMsg(t *testing.T) {
	base := digest(events())
	changes := map[string]func(*trace.Event){
		"T":        func(e *trace.Event) { e.T++ },
		"VM":       func(e *trace.Event) { e.VM = "web" },
		"Instance": func(e *trace.Event) { e.Instance++ },
		"Kind":     func(e *trace.Event) { e.Kind = trace.TryStarted },
		"Probe":    func(e *trace.Event) { e.Probe = probes.Startup },
		"HasProbe": func(e *trace.Event) { e.HasProbe = false },
		"Attempt":  func(e *trace.Event) { e.Attempt++ },
		"Try":      func(e *trace.Event) { e.Try++ },
		"Class":    func(e *trace.Event) { e.Class = probes.Success },
		"OK":       func(e *trace.Event) { e.OK = true },
		"Value":    func(e *trace.Event) { e.Value = "x" },
	}
	for name, change := range changes {
		list := events()
		change(&list[4])
		if digest(list) == base {
			t.Errorf("the digest does not see %s", name)
		}
	}
	list := events()
	list[4].Msg = "other"
	if digest(list) != base {
		t.Error("the digest depends on Msg")
	}
	list[1], list[2] = list[2], list[1]
	if digest(list) == base {
		t.Error("the digest does not see the order of records of one VM")
	}
}

func TestDigestIgnoresInterleavingOfVMs(t *testing.T) {
	list := events()
	list[2], list[3] = list[3], list[2] // db and web at one instant
	if digest(list) != digest(events()) {
		t.Error("the digest depends on the order of two VMs at one instant")
	}
}

func TestMerge(t *testing.T) {
	whole := trace.NewHasher([]string{"db", "web"})
	db, web := trace.NewHasher([]string{"db"}), trace.NewHasher([]string{"web"})
	for _, e := range events()[:6] {
		whole.Record(e)
		if e.VM == "db" {
			db.Record(e)
		} else {
			web.Record(e)
		}
	}
	merged := trace.NewHasher(nil)
	merged.Merge(db)
	merged.Merge(web)
	if diff := cmp.Diff(whole.Minutes(), merged.Minutes()); diff != "" {
		t.Error(diff)
	}
	if whole.Records() != merged.Records() {
		t.Error("records lost")
	}
	swapped := trace.NewHasher(nil)
	swapped.Merge(web)
	swapped.Merge(db)
	if diff := cmp.Diff(merged.Minutes(), swapped.Minutes()); diff != "" {
		t.Error(diff)
	}
}

func TestDiffFindsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		var a trace.Recorder
		for i := range n {
			a.Record(trace.Event{
				T: time.Duration(i) * 17 * time.Second, VM: rapid.SampledFrom([]string{"db", "web"}).Draw(t, "vm"),
				Kind: trace.Ready, OK: rapid.Bool().Draw(t, "ok"),
			})
		}
		b := trace.Recorder{Events: append([]trace.Event(nil), a.Events...)}
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		b.Events[at].OK = !b.Events[at].OK
		b.Events[n-1].Attempt = 9 // a later one
		x, y := a.Trace(header()), b.Trace(header())
		d := trace.Diff(x, y)
		if d == nil || d.A.T != x.Events[at].T {
			t.Fatalf("difference at %d, got %+v", at, d)
		}
		m, differ := trace.FirstMinute(x.Minutes, y.Minutes)
		if !differ || m != int(d.A.T/time.Minute) {
			t.Fatalf("minute %d (%v), difference at %v", m, differ, d.A.T)
		}
	})
	x := (&trace.Recorder{Events: events()}).Trace(header())
	if d := trace.Diff(x, x); d != nil {
		t.Errorf("a trace differs from itself: %+v", d)
	}
	y := (&trace.Recorder{Events: events()[:6]}).Trace(header())
	if d := trace.Diff(x, y); d == nil || d.B != nil || d.A.Kind != trace.FaultStarted {
		t.Errorf("a missing record: %+v", d)
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{"": true}
	for _, k := range trace.Kinds() {
		if seen[k.String()] {
			t.Errorf("kind %d: %q is no name of its own", k, k)
		}
		seen[k.String()] = true
	}
	if k := trace.Kinds()[len(trace.Kinds())-1]; k != trace.Overrun {
		t.Errorf("the last kind is %s", k)
	}
}

func TestHashDoesNotAllocate(t *testing.T) {
	h := trace.NewHasher([]string{"db", "web"})
	e := events()[4]
	h.Record(e)
	if n := testing.AllocsPerRun(100, func() { h.Record(e) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func BenchmarkVMHash(b *testing.B) {
	v := trace.StartVMHash("web")
	e := events()[2]
	b.ReportAllocs()
	for b.Loop() {
		e.T += 5
		v.Add(&e)
	}
}

func BenchmarkHasher(b *testing.B) {
	h := trace.NewHasher([]string{"db", "web"})
	e := events()[2]
	b.ReportAllocs()
	for b.Loop() {
		h.Record(e)
	}
}

func BenchmarkWriter(b *testing.B) {
	w := trace.NewWriter(io.Discard, header())
	e := events()[2]
	b.ReportAllocs()
	for b.Loop() {
		w.Record(e)
	}
}

func TestUnknownKind(t *testing.T) {
	r := trace.Recorder{Events: events()}
	var b bytes.Buffer
	if err := trace.Write(&b, r.Trace(header())); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(b.String(), `"kind":"try-started"`, `"kind":"try-begun"`, 1)
	if _, err := trace.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), `unknown kind "try-begun"`) {
		t.Errorf("a kind that nobody knows: %v", err)
	}
}
