package scenarios_test

import (
	"testing"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// loadAndLint is what "vmprobe lint" does with a file.
func loadAndLint(file string, data []byte, opts scenarios.Options) diag.List {
	f, list := scenarios.Load(file, data, opts)
	if !list.HasErrors() {
		list = append(list, scenarios.Lint(f)...)
	}
	return list.Sort()
}

// vocabulary of the examples and goldens.
var vocabulary = scenarios.Options{
	Requirements: []string{"THR-FAILURE", "THR-SUCCESS", "HTTP-STATUS-RANGE"},
	Mutants:      []string{"needs-one-more-failure"},
}

// TestExplanations runs both examples of every code.
func TestExplanations(t *testing.T) {
	for _, code := range diag.Codes() {
		e, ok := diag.Explain(string(code))
		if !ok || e.Title == "" || e.Text == "" {
			t.Errorf("%s is not explained", code)
			continue
		}
		if list := loadAndLint("example.yaml", []byte(diag.ExampleFile(e.Failing)), vocabulary); !has(list, code) {
			t.Errorf("%s: the failing example does not show it:\n%s", code, rendered(t, list, "example.yaml", []byte(diag.ExampleFile(e.Failing))))
		}
		list := loadAndLint("example.yaml", []byte(diag.ExampleFile(e.Fixed)), vocabulary)
		if has(list, code) || list.HasErrors() {
			t.Errorf("%s: the fixed example is not fixed:\n%s", code, rendered(t, list, "example.yaml", []byte(diag.ExampleFile(e.Fixed))))
		}
	}
}

func has(list diag.List, code diag.Code) bool {
	for _, d := range list {
		if d.Code == code {
			return true
		}
	}
	return false
}
