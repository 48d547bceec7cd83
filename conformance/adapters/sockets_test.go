package adapters_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/sockets"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// TestPythonSocketsAdapter runs it in wall time, and a variant that counts
// otherwise: the first passes, the other fails. A machine that is too busy
// gives no verdict on either, and the test says so.
func TestPythonSocketsAdapter(t *testing.T) {
	interpreter := python(t)
	files, err := suite.Load([]string{"testdata/sockets.yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	source, err := os.ReadFile("sockets/prober.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		from, to string
		want     judge.Result
	}{
		"right":          {"", "", judge.Pass},
		"at the first":   {`row >= probe["successThreshold" if passed else "failureThreshold"]`, "row >= 1", judge.Fail},
		"never unready":  {"passed != ready and", "passed and not ready and", judge.Fail},
		"twice as often": {`/ probe["periodSeconds"])) * probe["periodSeconds"]`, `/ probe["periodSeconds"])) * probe["periodSeconds"] / 2`, judge.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(string(source), tt.from, tt.to, 1)
			if tt.from != "" && text == string(source) {
				t.Fatalf("the adapter has no %q", tt.from)
			}
			script := filepath.Join(t.TempDir(), "prober.py")
			if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := sockets.New(t.Context(), sockets.Config{Argv: []string{interpreter, script}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			tr, err := b.Run(t.Context(), cases[0], 1)
			if err != nil {
				t.Fatal(err)
			}
			v := judge.Judge(cases[0], tr, judge.Options{})
			if v.Result == judge.Error {
				t.Skip("not run: " + v.Reason)
			}
			if v.Result != tt.want {
				t.Errorf("%s, want %s: %+v", v.Result, tt.want, v.Failures)
			}
		})
	}
}
