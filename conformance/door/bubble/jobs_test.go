package bubble_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

func jobs(tb testing.TB, sel campaign.Selection, args ...string) []suite.Job {
	tb.Helper()
	sel.Seeds, sel.Seed = 1, 1
	list, err := sel.Jobs(args, nil, os.Stderr, "bubble")
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func first(v *judge.Verdict) string {
	if len(v.Failures) == 0 {
		return "-"
	}
	f := v.Failures[0]
	return fmt.Sprintf("%s at %v: %s; want %s", f.Requirement, f.At, f.Message, f.Want)
}
