package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// vocabulary is what scenarios may refer to.
func vocabulary() scenarios.Options { return scenarios.Options{Requirements: requirements.IDs()} }

// loaded is a scenario file with what is wrong with it.
type loaded struct {
	source suite.Source
	file   *scenarios.File
	diags  diag.List
}

// load reads and decodes everything that the arguments name.
func load(args []string, stdin io.Reader) ([]loaded, error) {
	sources, err := suite.Sources(args, stdin, scenarios.Embedded())
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	var list []loaded
	for _, s := range sources {
		file, diags := scenarios.Load(s.Name, s.Data, vocabulary())
		list = append(list, loaded{s, file, diags})
	}
	return list, nil
}

// cases expands the files. With an error anywhere nothing is run: the
// diagnostics of all files have been printed and the exit code is 2.
func cases(files []loaded, profiles []probes.ProfileName, stderr io.Writer) ([]*scenarios.Case, error) {
	var all []*scenarios.Case
	var diags diag.List
	sources := diag.Sources{}
	for _, l := range files {
		sources[l.source.Name] = l.source.Data
		diags = append(diags, l.diags...)
		if l.diags.HasErrors() {
			continue
		}
		list, more := l.file.Cases(profiles)
		diags = append(diags, more...)
		all = append(all, slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !l.source.Wants(c.ID()) })...)
	}
	if len(diags) == 0 {
		return all, nil
	}
	if err := diag.WriteText(stderr, diags.Sort(), sources); err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	if diags.HasErrors() {
		return nil, exit(exitUsage, nil)
	}
	return all, nil
}

// profileFlag adds --profile and returns how to read it.
func profileFlag(cmd *cobra.Command) func() ([]probes.ProfileName, error) {
	names := cmd.Flags().StringSlice("profile", nil, "only these profiles: "+profileList()+" (default all)")
	err := cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return profileWords(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag was added above
	}
	return func() ([]probes.ProfileName, error) {
		var out []probes.ProfileName
		var errs []error
		for _, name := range *names {
			if _, ok := probes.LookupProfile(probes.ProfileName(name)); !ok {
				errs = append(errs, fmt.Errorf("--profile %q: unknown; want %s%s", name, profileList(), didYouMean(name, profileWords())))
				continue
			}
			out = append(out, probes.ProfileName(name))
		}
		if len(errs) > 0 {
			return nil, exit(exitUsage, errors.Join(errs...))
		}
		return out, nil
	}
}

func profileWords() []string {
	var words []string
	for _, p := range probes.ProfileNames() {
		words = append(words, string(p))
	}
	return words
}

func profileList() string { return strings.Join(profileWords(), ", ") }

// didYouMean is "; did you mean X?" or nothing.
func didYouMean(word string, candidates []string) string {
	if near := diag.Suggest(word, candidates); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// completeScenarios completes the names of embedded scenarios, then files.
func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return embeddedNames(), cobra.ShellCompDirectiveDefault
}
