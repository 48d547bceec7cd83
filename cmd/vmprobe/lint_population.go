package main

import (
	"context"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// population is who lint runs against the cases.
type population struct {
	probers  int
	embedded bool // embedded files, too
}

// lint adds what the legal probers find in the files that are right otherwise.
func (p population) lint(ctx context.Context, files []suite.Loaded, bar *progress, all *diag.List) error {
	if p.probers == 0 {
		return nil
	}
	defer bar.clear()
	bar.what = "files"
	wrong := map[string]bool{}
	for _, d := range *all {
		wrong[d.Pos.File] = wrong[d.Pos.File] || d.Severity == diag.Error
	}
	for i, l := range files {
		bar.step(i, len(files))
		if known.Is(l.Source.Data) || wrong[l.Source.Name] || l.Source.Embedded && !p.embedded {
			continue
		}
		cases, diags := l.File.Cases(nil)
		if diags.HasErrors() {
			continue // told by those who read the file
		}
		found, err := legal.Lint(ctx, cases, legal.Options{Probers: p.probers, Seed: 1})
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		for _, d := range found {
			// What arithmetic has found need not be told twice.
			if !slices.ContainsFunc(*all, func(o diag.Diagnostic) bool {
				return o.Code == d.Code && o.Pos.Line == d.Pos.Line && o.Pos.File == d.Pos.File
			}) {
				*all = append(*all, d)
			}
		}
	}
	return nil
}
