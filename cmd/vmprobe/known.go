package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// knownFlags say which failures are accepted.
type knownFlags struct {
	known, writeKnown string

	accepted *known.File
	all      []*scenarios.Case // that there are
}

func (f *knownFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.known, "known-failing", "", "accept the failures that this `file` lists; an entry that accepts nothing is an error")
	flags.StringVar(&f.writeKnown, "write-known-failing", "",
		"write a `file` that accepts every failure of this run; keeps what still holds of --known-failing")
}

// load reads the list and holds it to the cases that there are.
func (f *knownFlags) load(s streams, sel *campaign.Selection) error {
	if f.known == "" && f.writeKnown == "" {
		return nil
	}
	if err := f.overwrites(); err != nil {
		return err
	}
	var err error
	if f.all, err = sel.Universe(); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if f.known == "" {
		return nil
	}
	list, source, err := f.read()
	if err != nil {
		return err
	}
	if err := diag.WriteText(s.err, list, source); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return f.writeKnown == "" || !curable(d.Code) }) {
		return exit(exitUsage, nil)
	}
	return nil
}

// overwrites refuses to lose what people wrote.
func (f *knownFlags) overwrites() error {
	if f.writeKnown == "" || f.writeKnown == f.known {
		return nil
	}
	info, err := os.Stat(f.writeKnown)
	switch {
	case err != nil: // there is nothing yet
		return nil //nolint:nilerr // what cannot be written is told when it is
	case info.IsDir():
		return usagef("--write-known-failing %s: is a directory", f.writeKnown)
	case !info.Mode().IsRegular():
		return nil
	}
	return usagef("--write-known-failing %s: it is there; give it as --known-failing, too, so that its reasons are kept, or remove it",
		f.writeKnown)
}

// curable mistakes are mended by writing the list anew.
func curable(code diag.Code) bool {
	return slices.Contains([]diag.Code{
		diag.Unfilled, diag.Expired, diag.NoSuchCase, diag.TooWide, diag.ListedTwice, diag.OtherSuite,
	}, code)
}

// read reads the list and says what is wrong with it.
func (f *knownFlags) read() (diag.List, diag.Sources, error) {
	data, err := readKnown(f.known)
	if err != nil {
		return nil, nil, err
	}
	var list diag.List
	f.accepted, list = lintKnown(f.known, data, f.all, f.writeKnown != "")
	return list, diag.Sources{f.known: data}, nil
}

func readKnown(name string) ([]byte, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit(exitUsage, err)
	}
	if err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, scenarios.MaxFileSize+1)) // more is told by Load
	if err != nil {
		return nil, exit(exitCouldNotRun, fmt.Errorf("read %s: %w", name, err))
	}
	return data, nil
}

// lintKnown says everything that can be said of a list without a run. With
// curable mistakes of its fields its cases are looked at only if asked for.
func lintKnown(name string, data []byte, all []*scenarios.Case, unfilledToo bool) (*known.File, diag.List) {
	file, list := known.Load(name, data)
	if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return !unfilledToo || d.Code != diag.Unfilled }) {
		list = append(list, file.Check(time.Now().UTC().Format(time.DateOnly), campaign.Version(), all)...)
	}
	return file, list.Sort()
}

// settle holds the list to what happened, or writes it anew. err is how the
// run ended otherwise.
func (f *knownFlags) settle(s streams, results []report.Case, output string, err error) error {
	if f.known == "" && f.writeKnown == "" {
		return err
	}
	runs := make([]judge.Verdict, len(results))
	for i := range results {
		runs[i] = results[i].Verdict
	}
	var stale diag.List
	if f.accepted != nil {
		stale = f.accepted.Stale(runs)
		if e := diag.WriteText(s.err, stale, diag.Sources{f.known: f.accepted.Source}); e != nil {
			return exit(exitCouldNotRun, e)
		}
	}
	if f.writeKnown != "" {
		if e := f.rewrite(s, runs); e != nil {
			return e
		}
		return err
	}
	if output == "github" {
		if e := diag.WriteGitHub(s.out, stale); e != nil {
			return exit(exitCouldNotRun, e)
		}
	}
	if err == nil && stale.HasErrors() {
		return exit(exitNegative, nil)
	}
	return err
}

// rewrite writes the list that accepts what happened.
func (f *knownFlags) rewrite(s streams, runs []judge.Verdict) error {
	w, err := known.Write(f.accepted, runs, campaign.Version(), f.all)
	if err == nil {
		err = campaign.WriteFile(f.writeKnown, w.Text)
	}
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	fmt.Fprintf(s.err, "vmprobe: wrote %s: %d entries kept, %d new, %d dropped\n", f.writeKnown, w.Kept, w.New, w.Dropped)
	if w.New > 0 {
		fmt.Fprintf(s.err, "vmprobe: fill in what says TODO; vmprobe lint %s shows where\n", f.writeKnown)
	}
	return nil
}
