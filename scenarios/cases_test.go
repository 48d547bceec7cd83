package scenarios_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// TestEmbedded: every embedded scenario loads and lints without an error, has
// a case, and its cases have ids of their own. Warnings are shown with -v.
func TestEmbedded(t *testing.T) {
	ids := map[string]string{}
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d embedded scenarios, %v", len(files), err)
	}
	for _, name := range files {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		f, list := scenarios.Load(name, data, scenarios.Options{})
		if !list.HasErrors() {
			list = append(list, scenarios.Lint(f)...)
		}
		switch {
		case list.HasErrors():
			t.Errorf("%s", rendered(t, list, name, data))
		case len(list) > 0:
			t.Logf("%s", rendered(t, list, name, data))
		}
		cases, _ := f.Cases(nil)
		if len(cases) == 0 {
			t.Errorf("%s: no case", name)
		}
		for _, c := range cases {
			if other, ok := ids[c.ID()]; ok {
				t.Errorf("%s: case %s is also in %s", name, c.ID(), other)
			}
			ids[c.ID()] = name
		}
	}
}

func rendered(t *testing.T, list diag.List, file string, data []byte) string {
	t.Helper()
	var b strings.Builder
	if err := diag.WriteText(&b, list, diag.Sources{file: data}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
