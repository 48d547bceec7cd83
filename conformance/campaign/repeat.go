package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// Refusal says why a report cannot be made again: runs in real time never come
// to the same bytes. nil: it can.
func Refusal(r *report.Report) error {
	switch {
	case r.Run.Mode != "virtual" || r.Run.Testbed != "sim":
		return fmt.Errorf("it is of testbed %s in %s time, which nobody can repeat; its traces can be judged again (--traces)",
			r.Run.Testbed, r.Run.Mode)
	case r.Run.Door != "" && r.Run.Door != protocol.Lockstep:
		return fmt.Errorf("it came through door %s, which cannot be opened from here", r.Run.Door)
	case r.Run.Interrupted:
		return errors.New("its run was interrupted, which nobody can repeat")
	}
	return nil
}

// SelectionOf is the selection that a report came from.
func SelectionOf(r *report.Report) *Selection {
	s := &Selection{Seed: r.Run.FirstSeed, Seeds: r.Run.Seeds, cases: r.Tool.Cases, digest: r.Tool.Digest}
	if r.Run.Shard != (suite.Shard{}).String() {
		s.Shard = r.Run.Shard
	}
	return s
}

// Jobs are the runs of a report. The error tells of cases that are not at hand
// as they were.
func (a *Archive) Jobs(r *report.Report) ([]suite.Job, error) {
	jobs := make([]suite.Job, len(r.Cases))
	var errs []error
	for i := range r.Cases {
		v := &r.Cases[i].Verdict
		c, err := a.Case(v)
		jobs[i] = suite.Job{Case: c, Seed: v.Seed}
		errs = append(errs, err)
	}
	return jobs, errors.Join(errs...)
}

// Rename gives results the file names of a report: where a scenario lies now is
// no difference.
func Rename(results []report.Case, r *report.Report) {
	names := map[string]string{}
	for i := range r.Cases {
		names[r.Cases[i].Verdict.Case] = r.Cases[i].File
	}
	for i := range results {
		results[i].File = names[results[i].Verdict.Case]
	}
}

// Inputs tells in which way a report was made of something else than another
// one: suite, prober, list of known failures.
func Inputs(r, again *report.Report) []error {
	var errs []error
	differ := func(what, was, is string) {
		if was != is {
			errs = append(errs, fmt.Errorf("%s: %s in the report, %s here", what, orNone(was), orNone(is)))
		}
	}
	differ("version of the suite", r.Tool.Version, again.Tool.Version)
	differ("requirements", r.Tool.Requirements, again.Tool.Requirements)
	differ("catalogue of mutants", mutantsOf(r), mutantsOf(again))
	errs = append(errs, otherFiles(r.Implementation.Files, again.Implementation.Files)...)
	differ("known failures", r.Run.KnownFailing.String(), again.Run.KnownFailing.String())
	return errs
}

// otherFiles compares what two probers are made of, by content.
func otherFiles(was, is []artifact.File) []error {
	var errs []error
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(is):
			errs = append(errs, fmt.Errorf("the prober: %s (%s) is missing here", was[i].Name, was[i].Digest))
		case i >= len(was):
			errs = append(errs, fmt.Errorf("the prober: the report knows no %s (%s)", is[i].Name, is[i].Digest))
		case was[i].Digest != is[i].Digest:
			errs = append(errs, fmt.Errorf("the prober: %s has digest %s in the report, %s here", was[i].Name, was[i].Digest, is[i].Digest))
		}
	}
	return errs
}

func mutantsOf(r *report.Report) string {
	if r.Mutants == nil {
		return ""
	}
	return r.Mutants.Digest
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Outcomes tells in which way a report came to something else than another one
// about the same cases: what the prober says of itself, then run by run.
func Outcomes(r, again *report.Report) []error {
	var errs []error
	a, b := r.Implementation, again.Implementation
	for _, p := range [][3]string{
		{"name of the prober", a.Name, b.Name},
		{"version of the prober", a.Version, b.Version},
		{"claims", fmt.Sprint(r.Run.Claimed), fmt.Sprint(again.Run.Claimed)},
	} {
		if p[1] != p[2] {
			errs = append(errs, fmt.Errorf("%s: %s in the report, %s now", p[0], orNone(p[1]), orNone(p[2])))
		}
	}
	now := map[string]*judge.Verdict{}
	for i := range again.Cases {
		v := &again.Cases[i].Verdict
		now[fmt.Sprint(v.Case, " ", v.Seed)] = v
	}
	for i := range r.Cases {
		v := &r.Cases[i].Verdict
		if is := now[fmt.Sprint(v.Case, " ", v.Seed)]; is != nil {
			errs = append(errs, otherRun(v, is))
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// otherRun compares two runs of a case with one seed.
func otherRun(was, is *judge.Verdict) error {
	what := ""
	switch {
	case was.Result != is.Result:
		what = fmt.Sprintf("%s in the report, %s now%s", was.Result, is.Result, because(is))
	case !slices.Equal(was.Failures, is.Failures):
		what = fmt.Sprintf("%s in another way now%s", is.Result, because(is))
	case was.Reason != is.Reason:
		what = fmt.Sprintf("%s for another reason now%s", is.Result, because(is))
	case was.TraceDigest != is.TraceDigest:
		what = fmt.Sprintf("%s as in the report, but trace %s is %s now", is.Result, was.TraceDigest, is.TraceDigest)
	default:
		return nil
	}
	return fmt.Errorf("%s seed %d: %s", was.Case, was.Seed, what)
}

// because is the first failure, or the reason.
func because(v *judge.Verdict) string {
	switch {
	case len(v.Failures) > 0:
		return fmt.Sprintf(": %s: %s", v.Failures[0].Requirement, v.Failures[0].Message)
	case v.Reason != "":
		return ": " + v.Reason
	}
	return ""
}

// Same tells whether two reports are the same, byte for byte, but for what
// Provenance says; or else the first line that differs.
func Same(r, again *report.Report) (line string, same bool, err error) {
	var texts [2]bytes.Buffer
	for i, one := range []*report.Report{r, again} {
		bare := *one
		bare.Provenance = nil
		if err := report.Write("yaml", &texts[i], &bare); err != nil {
			return "", false, err
		}
	}
	a, b := bytes.Split(texts[0].Bytes(), []byte("\n")), bytes.Split(texts[1].Bytes(), []byte("\n"))
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i >= len(b):
			return fmt.Sprintf("line %d: one of them ends", i+1), false, nil
		case !bytes.Equal(a[i], b[i]):
			return fmt.Sprintf("line %d: %q in the report, %q now", i+1, bytes.TrimSpace(a[i]), bytes.TrimSpace(b[i])), false, nil
		}
	}
	return "", true, nil
}
