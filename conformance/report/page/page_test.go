package page_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/report/page"
)

func TestHostileTitle(t *testing.T) {
	var b bytes.Buffer
	p := page.Page{
		Title: `</title><script>alert(1)</script>`, Note: `<img src=x onerror=alert(1)>`,
		Script: "let x = '</' + 'script>'", Style: "p{color:red}",
		Body: func(w io.Writer) error { _, err := io.WriteString(w, "<p>hello</p>"); return err },
	}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if n := strings.Count(got, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, bad := range []string{"<img", "</title><script>", "http://", "https://", "unsafe"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for _, want := range []string{"<p>hello</p>", `lang="en"`, "default-src &#39;none&#39;", "script-src &#39;sha256-", "<main id=\"main\">"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

func TestNoScript(t *testing.T) {
	var b bytes.Buffer
	if err := (page.Page{Body: func(io.Writer) error { return nil }}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "script") {
		t.Error("a page without a script allows one")
	}
}

func TestErrors(t *testing.T) {
	want := errors.New("disk full")
	if err := (page.Page{Body: func(io.Writer) error { return want }}).Write(io.Discard); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}
