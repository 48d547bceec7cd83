package suite

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Vocabulary is what scenarios may refer to.
func Vocabulary() scenarios.Options {
	return scenarios.Options{Requirements: requirements.IDs(), Mutants: mutants.Names()}
}

// Loaded is a scenario file with what is wrong with it.
type Loaded struct {
	Source Source
	File   *scenarios.File
	Diags  diag.List
}

// Load reads and decodes everything that the arguments name, see [Sources].
// The error says what could not be found or read; mistakes in a file are its
// Diags.
func Load(args []string, stdin io.Reader) ([]Loaded, error) {
	sources, err := Sources(args, stdin, scenarios.Embedded())
	if err != nil {
		return nil, err
	}
	var list []Loaded
	for _, s := range sources {
		file, diags := scenarios.Load(s.Name, s.Data, Vocabulary())
		list = append(list, Loaded{s, file, diags})
	}
	return list, nil
}

// Cases expands the files in the profiles (none: all) and keeps what was asked
// for. The diagnostics are those of all files, sorted, with their texts; when
// one of them is an error, nothing should be run.
func Cases(files []Loaded, profiles []probes.ProfileName) ([]*scenarios.Case, diag.List, diag.Sources) {
	var all []*scenarios.Case
	var diags diag.List
	sources := diag.Sources{}
	for _, l := range files {
		sources[l.Source.Name] = l.Source.Data
		diags = append(diags, l.Diags...)
		if l.Diags.HasErrors() {
			continue
		}
		list, more := l.File.Cases(profiles)
		diags = append(diags, more...)
		all = append(all, slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !l.Source.Wants(c.ID()) })...)
	}
	return all, diags.Sort(), sources
}

// Missing is an error for every case id that was asked for and that its
// scenario does not have in any profile, as "agent-hung@kubernetes".
func Missing(files []Loaded) error {
	var errs []error
	for _, l := range files {
		if l.Source.Pattern == "" || l.Diags.HasErrors() {
			continue
		}
		list, _ := l.File.Cases(nil)
		if slices.ContainsFunc(list, func(c *scenarios.Case) bool { return l.Source.Wants(c.ID()) }) {
			continue
		}
		ids := make([]string, len(list))
		for i, c := range list {
			ids[i] = c.ID()
		}
		errs = append(errs, fmt.Errorf("there is no case %q: %s", l.Source.Pattern, diag.DidYouMean(l.Source.Pattern, ids)))
	}
	return errors.Join(errs...)
}
