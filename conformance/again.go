package conformance

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// goTest is the command that runs one test of a package again: a prober that is
// a Go function cannot be named to vmprobe. overlay: the test was built with one
// (see hack/netoverlay), whose file nobody can know here.
func goTest(pkg, name string, overlay bool) string {
	parts := strings.Split(name, "/") // go test splits the pattern, too
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	words := []string{"go", "test", pkg, "-run", judge.ShellWord(strings.Join(parts, "/")), "-count=1"}
	if tags := buildTags(); tags != "" {
		words = append(words, "-tags", judge.ShellWord(tags))
	}
	if overlay {
		words = append(words, "-overlay", "OVERLAY")
	}
	return strings.Join(words, " ")
}

// testPackage is the import path of the package whose test calls: that of the
// function that package testing has called, which in a subtest is that of the
// subtest. "." when it cannot be known.
func testPackage() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	path := "."
	for {
		f, more := frames.Next()
		if f.Function == "testing.tRunner" || !more {
			return path
		}
		path = packageOf(f.Function)
	}
}

// packageOf is the import path in the name of a function, such as
// "example.com/acme/prober_test.TestConformance.func1". A dot of the last
// element is written %2e.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	last, _, _ := strings.Cut(function[slash:], ".")
	last = strings.TrimSuffix(strings.ReplaceAll(last, "%2e", "."), "_test")
	if path := function[:slash] + last; path != "main" && path != "command-line-arguments" {
		return path
	}
	return "."
}

// buildTags are the tags with which the test was built.
func buildTags() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value
		}
	}
	return ""
}
