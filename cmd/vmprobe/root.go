package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// run is main without the process: arguments and streams in, exit code out.
func run(ctx context.Context, args []string, s streams, env lookupEnv) int {
	out := &output{w: s.out}
	root := newRoot(streams{s.in, out, s.err}, env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if out.err == nil || ctx.Err() != nil {
		return finish(ctx, err, s.err)
	}
	if err != nil && !errors.Is(err, out.err) {
		finish(ctx, err, s.err)
	}
	fmt.Fprintln(s.err, "vmprobe: write results:", out.err)
	return exitCouldNotRun
}

func newRoot(s streams, env lookupEnv) *cobra.Command {
	root := &cobra.Command{
		Use:   "vmprobe",
		Short: "Test health probes of virtual machines, in virtual time",
		Long: `vmprobe runs scenarios of VM health probing (readiness and liveness by HTTP GET,
TCP socket, guest-agent ping, exec) on a deterministic simulator and judges what
the prober did. Hours of VM life take milliseconds; the same seed gives the same bytes.`,
		Example: `  vmprobe run                              every embedded scenario, every profile
  vmprobe run my-scenario.yaml -v          one file, with its timeline
  vmprobe explain vm.yaml                  what the probes of a manifest will do
  vmprobe explain THR-FAILURE              one rule, its source and its cases`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.SuggestionsMinimumDistance = 2
	root.PersistentFlags().String("color", "auto", "colour: auto, always or never (NO_COLOR is honoured)")
	root.AddCommand(newRun(s, env), newConformance(s, env), newList(s), newLint(s, env), newExplain(s), newSchema(s), newReplay(s, env),
		newReport(s, env), newDiff(s), newMutants(s, env), newRequirements(s, env), newLegal(s, env), newAgree(s, env), newProber(s), newSmoke(s),
		newInit(s), newCluster(s, env), newWatch(s), newVersion(s))
	root.SetHelpTemplate(root.HelpTemplate() + "\n" + exitCodeHelp + `

Every flag can be set by the environment: VMPROBE_SEED=7 is --seed 7.
`)
	refuseUnknownShells(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return applyEnvironment(cmd.Flags(), env) }
	return root
}

// flagError turns the parser's message for an unknown flag into one with a
// suggestion.
func flagError(cmd *cobra.Command, err error) error {
	message := err.Error()
	name, isLong := strings.CutPrefix(message, "unknown flag: --")
	if !isLong {
		return exit(exitUsage, fmt.Errorf("%s (see %s --help)", message, cmd.CommandPath()))
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := diag.Suggest(name, known); len(near) > 0 {
		return exit(exitUsage, fmt.Errorf("%s; did you mean --%s?", message, strings.Join(near, " or --")))
	}
	return exit(exitUsage, fmt.Errorf("%s (see %s --help)", message, cmd.CommandPath()))
}

// applyEnvironment sets every flag that was not given from VMPROBE_<FLAG>.
func applyEnvironment(flags *pflag.FlagSet, env lookupEnv) error {
	var firstErr error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "VMPROBE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := env(name)
		if !ok || f.Changed || f.Name == "help" || firstErr != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			firstErr = usagef("%s: %w", name, err)
		}
	})
	return firstErr
}

// oneArgument refuses any number of arguments but one; what says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one argument, %s; got %d (see %s --help)", cmd.Name(), what, len(args), cmd.CommandPath())
		}
		return nil
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument; got %q", cmd.Name(), args[0])
	}
	return nil
}

// refuseUnknownShells makes "completion" without one of its shells an error.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		var shells []string
		for _, shell := range cmd.Commands() {
			shells = append(shells, shell.Name())
		}
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usagef("completion %q: %s", args[0], diag.DidYouMean(args[0], shells))
		}
	}
}
