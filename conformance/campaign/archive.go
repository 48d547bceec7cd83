package campaign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Archive is what a saved report speaks of: the traces of its runs and the
// scenario files of its cases. Both are found by name and accepted by digest,
// so that nothing is judged or drawn that the report does not mean.
type Archive struct {
	traces string
	files  map[string]*scenarios.File // by digest
	tried  map[string]bool            // names of files that were looked for
}

// OpenArchive looks for traces in a directory as --report trace=DIR writes it
// (empty: there are none), and for scenarios among the embedded ones, in the
// files that the report names, and in these files and directories.
func OpenArchive(traces string, files []string) (*Archive, error) {
	a := &Archive{traces: traces, files: map[string]*scenarios.File{}, tried: map[string]bool{}}
	if traces != "" {
		if info, err := os.Stat(traces); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fmt.Errorf("%s: not a directory of traces", traces)
		}
	}
	if len(files) == 0 {
		return a, nil
	}
	list, err := suite.Load(files, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		if l.Diags.HasErrors() {
			return nil, fmt.Errorf("%s: not a scenario that can be run (vmprobe lint shows why)", l.Source.Name)
		}
		a.add(l.File)
	}
	return a, nil
}

func (a *Archive) add(f *scenarios.File) { a.files[f.Digest] = f }

// Case is the case that a verdict speaks of. The error says what is missing.
func (a *Archive) Case(v *judge.Verdict) (*scenarios.Case, error) {
	if a.files[v.CaseDigest] == nil {
		a.look(v.File)
	}
	file := a.files[v.CaseDigest]
	if file == nil {
		return nil, fmt.Errorf("%s: the scenario with digest %s is not at hand: %s is another one or not there",
			v.Case, v.CaseDigest, v.File)
	}
	list, diags := file.Cases([]probes.ProfileName{probes.ProfileName(v.Profile)})
	for _, c := range list {
		if c.ID() == v.Case && !diags.HasErrors() {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s: %s has no such case", v.Case, v.File)
}

// look reads the file that a report names, and the embedded one of that name.
func (a *Archive) look(name string) {
	if a.tried[name] || name == suite.Stdin {
		return
	}
	a.tried[name] = true
	var texts [][]byte
	if base, ok := strings.CutPrefix(name, scenarios.CasesDir); ok {
		if text, err := fs.ReadFile(scenarios.Embedded(), path.Clean(base)); err == nil {
			texts = append(texts, text)
		}
	}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		if text, err := os.ReadFile(name); err == nil {
			texts = append(texts, text)
		}
	}
	for _, text := range texts {
		if file, diags := scenarios.Load(name, text, suite.Vocabulary()); !diags.HasErrors() {
			a.add(file)
		}
	}
}

// Trace is the trace of a run. The error says that it is missing, damaged or
// not the one that the report was made from.
func (a *Archive) Trace(v *judge.Verdict) (*trace.Trace, error) {
	name := filepath.Join(a.traces, TraceName(v.Case, v.Seed))
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := trace.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Case != v.Case || t.Seed != v.Seed {
		return nil, fmt.Errorf("%s: it is of case %q, seed %d", name, t.Case, t.Seed)
	}
	if t.Digest != v.TraceDigest {
		return nil, fmt.Errorf("%s: it has digest %s, the report says %s", name, t.Digest, v.TraceDigest)
	}
	return t, nil
}

// Restore draws the runs of a saved report from an archive, as the run did
// that wrote it. The errors name what could not be drawn.
func (c *Campaign) Restore(r *report.Report, a *Archive) []error {
	if a.traces == "" {
		return nil
	}
	var errs []error
	for i := range r.Cases {
		v := &r.Cases[i].Verdict
		shown := c.Pictures && (v.Result != judge.Pass || v.Seed == r.Run.FirstSeed)
		if v.TraceDigest == "" || v.Result == judge.Pass && !c.Everything && !shown {
			continue
		}
		o, err := a.outcome(v)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.Cases[i] = c.Draw(o, *v)
	}
	return errs
}

func (a *Archive) outcome(v *judge.Verdict) (suite.Outcome, error) {
	scenario, errCase := a.Case(v)
	t, errTrace := a.Trace(v)
	if err := errors.Join(errCase, errTrace); err != nil {
		return suite.Outcome{}, err
	}
	return suite.Outcome{Job: suite.Job{Case: scenario, Seed: v.Seed}, Trace: t}, nil
}

// Verify holds a report to its archive: each case to its file, each trace to
// its digest and, in virtual time, each verdict to what the judges say about
// the trace now. Without traces only the files are looked at.
func Verify(r *report.Report, a *Archive) []error {
	var errs []error
	seen := map[string]bool{}
	for i := range r.Cases {
		v := &r.Cases[i].Verdict
		if a.traces == "" || v.TraceDigest == "" {
			if !seen[v.Case] {
				_, err := a.Case(v)
				errs = append(errs, err)
			}
			seen[v.Case] = true
			continue
		}
		o, err := a.outcome(v)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r.Run.Mode == "virtual" {
			errs = append(errs, rejudge(v, o))
		}
	}
	return errs
}

// rejudge compares a verdict with a new one.
func rejudge(v *judge.Verdict, o suite.Outcome) error {
	now := Judge(o)
	if v.Result == judge.Exempt && now.Result == judge.Fail {
		now.Result = judge.Exempt // whether it is accepted, traces do not tell
	}
	if now.Result != v.Result {
		return fmt.Errorf("%s seed %d: the report says %s, the trace says %s", v.Case, v.Seed, v.Result, now.Result)
	}
	for i := range max(len(v.Failures), len(now.Failures)) {
		if i >= len(v.Failures) || i >= len(now.Failures) || v.Failures[i] != now.Failures[i] {
			return fmt.Errorf("%s seed %d: failure %d of the report is not what the trace says", v.Case, v.Seed, i+1)
		}
	}
	return nil
}
