package html_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/report/html"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/probes"
)

// report is a page with the same text everywhere.
func report(text string) *html.Report {
	const s = time.Second
	picture := &lanes.Picture{End: 100 * s, VMs: []lanes.VM{{Name: text, Lanes: []lanes.Lane{
		{Kind: lanes.Guest, Name: text, Spans: []lanes.Span{{From: 0, To: 100 * s, Text: text}}},
		{Kind: lanes.Fault, Name: "fault", Spans: []lanes.Span{{From: 10 * s, To: 20 * s, Text: text}}},
		{Kind: lanes.Probe, Name: "readiness", Attempts: []lanes.Attempt{
			{Start: s, End: 2 * s, Ended: true, Class: probes.Success},
			{Start: 11 * s, End: 12 * s, Ended: true, Class: probes.Warning},
			{Start: 21 * s, End: 22 * s, Ended: true, Class: probes.Failure},
			{Start: 31 * s, End: 32 * s, Ended: true, Class: probes.Errored},
			{Start: 41 * s},
		}},
		{Kind: lanes.Ready, Name: "ready", Spans: []lanes.Span{{To: 15 * s}, {From: 15 * s, To: 100 * s, On: true}}},
		{Kind: lanes.Live, Name: "live", Spans: []lanes.Span{{To: 100 * s, Text: "1"}}, Marks: []lanes.Mark{{At: 90 * s, What: lanes.Killed}}},
		{Kind: lanes.Expect, Name: "expect", Spans: []lanes.Span{{From: 12 * s, To: 16 * s, Text: "ready", On: true}}},
	}}, {Name: "second"}}}
	return &html.Report{
		Result: text, Summary: text, Facts: []html.Fact{{Name: text, Value: text}}, Results: []string{"pass", "fail", text},
		Profiles: []html.Profile{{Name: text, Result: text, Counts: []int{1, 1, 0}}},
		Broken:   []html.Broken{{ID: text, Title: text, Cases: 2, First: text}},
		Cases: []html.Case{{
			ID: text, Name: text, Profile: text, Title: text, Result: "fail", Reason: text, Requirements: []string{text, text},
			File: text, Line: 3, Runs: []html.Run{{Seed: 1, Result: text}, {Seed: 2, Result: text}}, Replay: text, Trace: text, Picture: picture,
			Failures: []html.Failure{{Requirement: text, At: text, Who: text, Message: text, Want: text, Nanos: int64(50 * s), VM: text}},
		}, {ID: "quiet", Result: text}},
	}
}

func write(tb interface{ Fatal(...any) }, r *html.Report) string {
	var b bytes.Buffer
	if err := html.Write(&b, r); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// shapeOf lists the elements and the names of their attributes, as a browser
// parses them.
func shapeOf(tb interface{ Fatal(...any) }, page string) []string {
	doc, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		tb.Fatal(err)
	}
	var list []string
	for n := range doc.Descendants() {
		if n.Type == nethtml.CommentNode {
			list = append(list, "comment")
		}
		if n.Type != nethtml.ElementNode {
			continue
		}
		item := n.Data
		for _, a := range n.Attr {
			item += " " + a.Key
		}
		list = append(list, item)
	}
	return list
}

// TestNothingCanBeInjected: whatever the texts are, a browser sees the same
// elements with the same attributes, and no link leads out of the page.
func TestNothingCanBeInjected(t *testing.T) {
	plain := shapeOf(t, write(t, report("plain")))
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title></svg></details><h1>`,
		"javascript:alert(1)", `</style><style>*{display:none}`, "{{.}}", "<!--", "-->", "]]>", "&lt;b&gt;", "a b\tc\nd", "\u202e\u2028", "`${alert(1)}`",
	}
	check := func(tb interface {
		Fatal(...any)
		Errorf(string, ...any)
	}, text string,
	) {
		page := write(tb, report(text))
		if got := shapeOf(tb, page); !slices.Equal(got, plain) {
			tb.Errorf("%q changes the elements of the page: %d instead of %d", text, len(got), len(plain))
		}
		if strings.Contains(page, `href="javascript`) {
			tb.Errorf("%q became a link", text)
		}
	}
	for _, text := range hostile {
		check(t, text)
	}
	rapid.Check(t, func(rt *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.StringN(1, 6, -1)), 1, 4).Draw(rt, "parts")
		check(rt, strings.Join(parts, ""))
	})
}

// TestSelfContained: the page names no other resource, and has no style or
// handler in attributes, which its policy would forbid.
func TestSelfContained(t *testing.T) {
	page := write(t, report("plain"))
	for _, item := range shapeOf(t, page) {
		fields := strings.Fields(item)
		for _, a := range fields[1:] {
			if a == "style" || a == "src" || strings.HasPrefix(a, "on") {
				t.Errorf("element %q", item)
			}
		}
		if slices.Contains([]string{"link", "img", "iframe", "object", "embed", "base", "image", "use"}, fields[0]) {
			t.Errorf("element %q", item)
		}
	}
	for _, bad := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestEmptyReport(t *testing.T) {
	if page := write(t, &html.Report{Result: "error", Summary: "0 of 0 cases passed"}); !strings.Contains(page, "No case was run.") {
		t.Error(page)
	}
}

type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriteErrorsAreReported(t *testing.T) {
	big := report("plain")
	for range 500 {
		big.Cases = append(big.Cases, big.Cases[0])
	}
	for _, left := range []int{0, 70 << 10, 200 << 10} {
		if err := html.Write(&full{left}, big); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: %v", left, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	r := report("plain")
	for range 2000 {
		r.Cases = append(r.Cases, r.Cases[0])
	}
	for b.Loop() {
		if err := html.Write(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
