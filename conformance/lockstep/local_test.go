package lockstep_test

import (
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
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

// local is a bed with a prober in this process.
func local(t testing.TB, p protocol.Prober) *lockstep.Bed {
	t.Helper()
	bed, err := lockstep.New(t.Context(), lockstep.Config{
		Start: lockstep.Local(func() protocol.Prober {
			if r, ok := p.(*reference.Prober); ok {
				another := *r
				return &another
			}
			return p
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	return bed
}
