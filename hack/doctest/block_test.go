package doctest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	text := "a\n```yaml file=web.yaml wrong\nx: 1\n```\nb\n````text\n```\n````\n"
	want := []Block{
		{Lang: "yaml", Attrs: map[string]string{"file": "web.yaml", "wrong": ""}, Line: 2, Text: "x: 1\n"},
		{Lang: "text", Attrs: map[string]string{}, Line: 6, Text: "```\n"},
	}
	got, err := Parse(text)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, difference:\n%s", err, diff)
	}
	if _, err := Parse("```sh\nls\n"); err == nil {
		t.Error("a block without an end was accepted")
	}
}

func TestConsole(t *testing.T) {
	got, err := Console("$ a\nx\n\ny\n$ b\n")
	want := []Step{{"a", "x\n\ny\n"}, {"b", ""}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, difference:\n%s", err, diff)
	}
	for _, bad := range []string{"", "output\n$ a\n"} {
		if _, err := Console(bad); err == nil {
			t.Errorf("Console(%q) found no mistake", bad)
		}
	}
}

func TestCommands(t *testing.T) {
	got := Commands("# a comment\nmake test   # all of them\nvmprobe run \\\n  web.yaml\n\nls\n")
	want := []string{"make test", "vmprobe run \\\n  web.yaml", "ls"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExempted(t *testing.T) {
	for command, want := range map[string]string{
		"make test":                  "make -n test",
		"go install ./cmd/vmprobe":   "go list ./cmd/vmprobe",
		"vmprobe run":                "",
		"makeshift":                  "",
		"go run ./hack/docs -check":  "go list ./hack/...",
		"vmprobe explain make test ": "",
	} {
		if _, got, ok := exempted(command); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t; want %q", command, got, ok, want)
		}
	}
}
