package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/explain"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func newExplain(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain vm.yaml | CASE | REQUIREMENT | MUTANT | CODE | exit-codes",
		Short: "Explain a manifest, a requirement, a wrong prober, a diagnostic code or the exit codes",
		Long: `explain says what the probes of a manifest will do: effective values and where they come
from, when the first attempt is due, when the VM can be Ready, how long a fault goes
unnoticed, what a liveness failure does, and warnings. No scenario is needed.

It also explains the manifests of a scenario file or of an embedded scenario, a
diagnostic (S014) and exit-codes.

Of a requirement (THR-FAILURE) it tells the rule, why it matters, its source, who tests it
and which wrong probers break it, and draws a case passing and the same case failing: both
are really run. Of a mutant (sticky-ready) it tells what is wrong and who notices.

Of a case (liveness-crash-loop@kubevirt), and with --windows of a scenario or its file, it
says how much room the windows leave: when the first and the last legal prober get there.`,
		Example: `  vmprobe explain vm.yaml
  vmprobe explain vm.yaml --profile kubevirt -o json
  kubectl get vm web -o yaml | vmprobe explain -
  vmprobe explain guide-vm-template
  vmprobe explain liveness-crash-loop@kubevirt
  vmprobe explain my-scenario.yaml --windows
  vmprobe explain THR-FAILURE
  vmprobe explain sticky-ready -o json`,
		Args: oneArgument("a manifest, a scenario, a requirement, a mutant, a code or exit-codes"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(append(requirements.IDs(), mutants.Names()...), "exit-codes"), cobra.ShellCompDirectiveDefault
		},
	}
	profiles := profileFlag(cmd)
	output := cmd.Flags().StringP("output", "o", "text", "text, json or yaml (not of codes)")
	windows := cmd.Flags().Bool("windows", false, "measure the windows of a scenario against legal probers")
	probers := cmd.Flags().Int("probers", explainedProbers, "legal probers that meet each case")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains([]string{"text", "json", "yaml"}, *output) {
			return usagef("--output %q: want text, json or yaml", *output)
		}
		selected, err := profiles()
		if err != nil {
			return err
		}
		if done, err := explainWord(cmd.Context(), s, args[0], *output); done {
			return err
		}
		if *windows || strings.Contains(args[0], "@") {
			return explainCase(cmd.Context(), s, args[0], selected, *probers, *output)
		}
		return explainManifest(s, args[0], selected, *output)
	}
	return cmd
}

// explainWord explains what is not a file.
func explainWord(ctx context.Context, s streams, word, output string) (done bool, err error) {
	if word == "exit-codes" {
		_, err := fmt.Fprintln(s.out, exitCodeHelp)
		return true, err
	}
	if code := diag.Code(strings.ToUpper(word)); slices.Contains(allCodes(), code) {
		return true, explainCode(s.out, code)
	}
	if r, ok := requirements.Lookup(strings.ToUpper(word)); ok {
		return true, explainRequirement(ctx, s, r, output)
	}
	if list, err := mutants.Select([]string{word}); err == nil && list[0].Name == word {
		return true, explainMutant(ctx, s, list[0], output)
	}
	return false, nil
}

func explainManifest(s streams, name string, profiles []probes.ProfileName, output string) error {
	data, err := readManifest(name, s.in)
	if errors.Is(err, fs.ErrNotExist) {
		hint := didYouMean(name, explicable())
		if related := diag.Related(name, requirements.IDs()); hint == "" && related != nil {
			hint = "; there are " + strings.Join(related, ", ")
		}
		return usagef("%q is no file, requirement, mutant, diagnostic code or embedded scenario%s", name, hint)
	}
	if err != nil {
		return err
	}
	manifest, err := spec.DecodeAll(data)
	if err != nil {
		return printDecodeErrors(s.err, name, data, err)
	}
	if len(manifest.Machines) == 0 {
		return usagef("%s: no VirtualMachine, VirtualMachineInstance or Pod in it%s", name, found(manifest.Skipped))
	}
	switch output {
	case "text":
		err = explain.Manifest(s.out, manifest.Machines, explain.Options{Profiles: profiles, Skipped: manifest.Skipped})
	case "json", "yaml":
		err = writeAnalyses(s.out, manifest.Machines, profiles, output)
	}
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}

// allCodes are those of scenario files and of known failures.
func allCodes() []diag.Code { return append(diag.Codes(), diag.KnownCodes()...) }

// explicable are the words that explain knows.
func explicable() []string {
	words := slices.Concat(requirements.IDs(), mutants.Names(), embeddedNames(), []string{"exit-codes"})
	for _, c := range allCodes() {
		words = append(words, string(c))
	}
	return words
}

// found is "; found Deployment, Service" or nothing.
func found(skipped []spec.Skipped) string {
	var kinds []string
	for _, s := range skipped {
		if s.Kind != "" && !slices.Contains(kinds, s.Kind) {
			kinds = append(kinds, s.Kind)
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return "; found " + strings.Join(kinds, ", ")
}

// printDecodeErrors shows mistakes in a manifest as lint shows them in a
// scenario.
func printDecodeErrors(w io.Writer, name string, data []byte, err error) error {
	all, ok := errors.AsType[spec.DecodeErrors](err)
	if !ok {
		return usagef("%s: %w", name, err)
	}
	var list diag.List
	for _, e := range all {
		message := e.Message
		if e.Path != "" {
			message = e.Path + ": " + message
		}
		list.Add(diag.Manifest, diag.Pos{File: name, Line: e.Line, Col: e.Column}, e.Help, "%s", message)
	}
	if err := diag.WriteText(w, list.Sort(), diag.Sources{name: data}); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return exit(exitUsage, nil)
}

func writeAnalyses(w io.Writer, machines []*spec.Machine, profiles []probes.ProfileName, output string) error {
	var all []explain.Analysis
	for _, m := range machines {
		names := profiles
		if len(names) == 0 {
			names = explain.Profiles(m)
		}
		for _, name := range names {
			profile, _ := probes.LookupProfile(name)
			all = append(all, explain.Analyze(m, profile))
		}
	}
	if output == "yaml" {
		return writeYAML(w, all)
	}
	return writeJSON(w, all)
}
