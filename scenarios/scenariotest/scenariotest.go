// Package scenariotest loads the cases that tests run. A scenario that cannot
// be found, or has a mistake, ends the test.
package scenariotest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Embedded gives the cases of the embedded scenarios whose names match a
// pattern of [path.Match], in the profiles (none: all).
func Embedded(tb testing.TB, pattern string, profiles ...probes.ProfileName) (list []*scenarios.Case) {
	tb.Helper()
	names, err := fs.Glob(scenarios.Embedded(), pattern+".yaml")
	if err != nil || len(names) == 0 {
		tb.Fatalf("no scenario is called %s: %v", pattern, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, Text(tb, name, string(data), profiles...)...)
	}
	return list
}

// Files gives the cases of the files whose paths match one of the patterns of
// [filepath.Match].
func Files(tb testing.TB, patterns ...string) (list []*scenarios.Case) {
	tb.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			tb.Fatalf("there is no %s: %v", pattern, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				tb.Fatal(err)
			}
			list = append(list, Text(tb, name, string(data))...)
		}
	}
	return list
}

// Text gives the cases of a file with this name and text.
func Text(tb testing.TB, name, text string, profiles ...probes.ProfileName) []*scenarios.Case {
	tb.Helper()
	file, diags := scenarios.Load(name, []byte(text), scenarios.Options{})
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	list, diags := file.Cases(profiles)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return list
}
