package lockstep_test

import (
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// cases are the embedded cases.
func cases(t testing.TB, args ...string) []*scenarios.Case {
	t.Helper()
	files, err := suite.Load(args, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	list, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return list
}

func same(o suite.Outcome) suite.Outcome { return o }
