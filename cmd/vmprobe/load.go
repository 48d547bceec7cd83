package main

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// load reads and decodes everything that the arguments name.
func load(args []string, stdin io.Reader) ([]suite.Loaded, error) {
	list, err := suite.Load(args, stdin)
	if err == nil {
		err = suite.Missing(list)
	}
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	return list, nil
}

// cases expands the files. With an error anywhere nothing is run: the
// diagnostics of all files have been printed and the exit code is 2.
func cases(files []suite.Loaded, profiles []probes.ProfileName, stderr io.Writer) ([]*scenarios.Case, error) {
	all, diags, sources := suite.Cases(files, profiles)
	if err := diag.WriteText(stderr, diags, sources); err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	if diags.HasErrors() {
		return nil, exit(exitUsage, nil)
	}
	return all, nil
}

// selectionError prints what keeps a selection from being run.
func selectionError(err error, stderr io.Writer) error {
	if m, ok := errors.AsType[*campaign.Mistakes](err); ok {
		if err := diag.WriteText(stderr, m.Diags, m.Sources); err != nil {
			return exit(exitCouldNotRun, err)
		}
		return exit(exitUsage, nil)
	}
	return exit(exitUsage, err)
}

// profileFlag adds --profile and returns how to read it.
func profileFlag(cmd *cobra.Command) func() ([]probes.ProfileName, error) {
	names := cmd.Flags().StringSlice("profile", nil, "only these profiles: "+profileList()+" (default all)")
	completeProfiles(cmd)
	return func() ([]probes.ProfileName, error) {
		list, err := campaign.ParseProfiles(*names)
		if err != nil {
			return nil, usagef("--profile: %w", err)
		}
		return list, nil
	}
}

// completeProfiles completes the value of --profile, which the command has.
func completeProfiles(cmd *cobra.Command) {
	err := cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return campaign.ProfileWords(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the command has no such flag
	}
}

func profileList() string { return strings.Join(campaign.ProfileWords(), ", ") }

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
