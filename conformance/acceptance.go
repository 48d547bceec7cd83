package conformance

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// acceptance holds a test to a list of known failures, and the list to the
// test. The nil one accepts nothing.
type acceptance struct {
	name     string
	file     *known.File
	verdicts []judge.Verdict
}

// load reads the list. A mistake in it ends the test.
func (a *acceptance) load(t *testing.T, sel *campaign.Selection) {
	t.Helper()
	if a == nil {
		return
	}
	data, err := os.ReadFile(a.name)
	if err != nil {
		t.Fatal(err)
	}
	var diags diag.List
	if a.file, diags = known.Load(a.name, data); !diags.HasErrors() {
		all, err := sel.Universe()
		if err != nil {
			t.Fatal(err)
		}
		today := time.Now().UTC().Format(time.DateOnly) //nolint:forbidigo // entries end by the calendar
		diags = a.file.Check(today, campaign.Version(), all)
	}
	if a.complain(t, diags); diags.HasErrors() {
		t.FailNow()
	}
}

// list is what a campaign accepts.
func (a *acceptance) list() *known.File {
	if a == nil {
		return nil
	}
	return a.file
}

func (a *acceptance) note(v judge.Verdict) {
	if a != nil {
		a.verdicts = append(a.verdicts, v)
	}
}

// settle holds the list to what happened.
func (a *acceptance) settle(t *testing.T) {
	t.Helper()
	if a != nil {
		a.complain(t, a.file.Stale(a.verdicts))
	}
}

// complain shows what is wrong with the list.
func (a *acceptance) complain(t *testing.T, list diag.List) {
	t.Helper()
	var b strings.Builder
	_ = diag.WriteText(&b, list, diag.Sources{a.name: a.file.Source}) // a Builder takes everything
	if b.Len() > 0 {
		t.Error("\n" + b.String())
	}
}
