package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/scenarios"
)

const head = "apiVersion: v1\nkind: Pod\nspec:\n  kills: [not, ours]\n---\nkind: Scenario\n"

func TestRewrite(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"after requirements": {
			"spec:\n  title: it\n  requirements: [A]   # why\n  until: 1s\n", "spec:\n  title: it\n  requirements: [A]   # why\n  kills: [x, y]\n  until: 1s\n",
		},
		"after features": {
			"spec:\n  title: it\n  requirements: [A]\n  profiles: [p]\n  # about features\n  features: [f]\n\n  until: 1s\n",
			"spec:\n  title: it\n  requirements: [A]\n  profiles: [p]\n  # about features\n  features: [f]\n  kills: [x, y]\n\n  until: 1s\n",
		},
		"replaced": {
			"spec:\n  requirements: [A]\n  kills: [old]\n  features: [f]\n  expect:\n    web:\n      kills: []\n",
			"spec:\n  requirements: [A]\n  kills: [x, y]\n  features: [f]\n  expect:\n    web:\n      kills: []\n",
		},
		"crlf": {"spec:\r\n  requirements: [A]\r\n  until: 1s", "spec:\r\n  requirements: [A]\r\n  kills: [x, y]\r\n  until: 1s"},
	} {
		got, err := rewrite([]byte(head+c.spec), []string{"x", "y"})
		if err != nil || string(got) != head+c.want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		again, err := rewrite(got, []string{"x", "y"})
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: the second time differs: %v\n%s", name, err, again)
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"spec:\n  requirements: [A]\n": "kind: Scenario",
		head:                           "spec:",
		head + "spec:\n  until: 1s\n":  "neither title nor requirements",
		head + "spec:\n  requirements: [A,\n    B]\n":            "on one line",
		head + "spec:\n  requirements: [A]\n  kills:\n  - old\n": "on one line",
	} {
		if got, err := rewrite([]byte(text), []string{"x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\n%s", text, err, got)
		}
	}
}

func TestChoose(t *testing.T) {
	about := []*scenarios.Case{{Scenario: "s", Requirements: []string{"STATE-INIT", "THR-FAILURE"}}, {Scenario: "o"}}
	killed := kills{
		"s": {"flip-on-first-failure", "failure-threshold-plus-one", "starts-ready", "http-uses-head"},
		"o": {"flip-on-first-failure", "http-uses-head", "http-uses-post"},
	}
	got := choose(about, killed, killed.counts(), false)
	want := []string{"starts-ready", "failure-threshold-plus-one", "flip-on-first-failure", "http-uses-head"}
	if !slices.Equal(got["s"], want) {
		t.Errorf("%q, want %q", got["s"], want)
	}
	if got["o"][0] != "http-uses-post" {
		t.Errorf("%q: the rarest comes first", got["o"])
	}
}

// A mutant that would be claimed by nobody is claimed where it ranks highest.
func TestOrphans(t *testing.T) {
	names := mutants.Names()[:candidates+2]
	last := names[candidates+1]
	k := kills{"s": names}
	if got := k.cut(false)["s"]; len(got) != candidates || slices.Contains(got, last) {
		t.Errorf("%q", got)
	}
	got := k.cut(true)["s"]
	if !slices.Contains(got, last) || !slices.Contains(got[:candidates], names[most]) {
		t.Errorf("%q", got)
	}
	for name, list := range k.cut(true).shorten() {
		if len(list) > most {
			t.Errorf("%s: %q", name, list)
		}
	}
}
