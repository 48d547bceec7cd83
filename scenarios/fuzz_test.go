package scenarios_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// FuzzLoad: no input makes the decoder, the lints or the renderer panic;
// every diagnostic has a code that is explained and a place inside the file;
// a file without errors has cases.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, code := range diag.Codes() {
		e, _ := diag.Explain(string(code))
		f.Add([]byte(diag.ExampleFile(e.Failing)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20_000 {
			return // size is not what is tested
		}
		file, list := scenarios.Load("-", data, vocabulary)
		if !list.HasErrors() {
			list = append(list, scenarios.Lint(file)...)
			if cases, _ := file.Cases(nil); len(cases) == 0 {
				t.Error("no errors and no case")
			}
		}
		_ = rendered(t, list, "-", data)
		for _, d := range list {
			if _, ok := diag.Explain(string(d.Code)); !ok || d.Message == "" || d.Pos.Line < 0 || d.Pos.Col < 0 {
				t.Errorf("odd diagnostic %+v", d)
			}
		}
	})
}

// FuzzFormula: no text makes the parser or the evaluator panic; what parses
// evaluates the same twice, and its names are names of the text.
func FuzzFormula(f *testing.F) {
	for _, s := range []string{
		"agentHung + (failureThreshold-1)*period + hangMin", "max(a, b, 3) - -1", "readiness#10", "short.end / 2",
		"$nc + 5s", "1h30m * (2 - 3)", "9223372036854775807 + 1", "((((1))))", "1.5", "a..b", "#1", "$", "web.readiness.period",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars := func(name string) (string, bool) { return "5s", name == "nc" }
		formula, bad := scenarios.ParseFormula(text, scenarios.Pos{File: "f", Line: 1, Col: 1}, vars)
		if bad != nil {
			if bad.Message == "" || bad.Pos.Col < 1 {
				t.Errorf("odd diagnostic %+v", bad)
			}
			return
		}
		a, errA := formula.Eval(fixed{})
		b, errB := formula.Eval(fixed{})
		if a != b || (errA == nil) != (errB == nil) {
			t.Errorf("%q: %v, %v and %v, %v", text, a, errA, b, errB)
		}
		for _, r := range formula.Refs() {
			if r.Name == "" {
				t.Errorf("%q: a name without letters", text)
			}
		}
	})
}

// fixed gives every name one second.
type fixed struct{}

func (fixed) Lookup(string) (scenarios.Value, bool) {
	return scenarios.Value{N: int64(time.Second), IsDuration: true}, true
}
