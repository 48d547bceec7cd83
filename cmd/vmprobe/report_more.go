package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/report/badge"
)

func newReportVerify(s streams, env lookupEnv) *cobra.Command {
	var f archiveFlags
	var again repeatFlags
	cmd := &cobra.Command{
		Use:   "verify REPORT [-- prober [args]]",
		Short: "Check a saved report against its digests, traces and scenarios",
		Long: `verify checks the digest of a report, the digest of the scenario file of each case, and,
with --traces, the digest of each trace and whether the judges still come to the verdict
of the report. It says what does not fit, and ends with exit code 1 then.

With a prober, or with --rerun, everything is run again and must come to the same report,
byte for byte. Exit code 1: suite, prober, list of known failures or cases are other ones
than those of the report; 2: the report cannot be made again, as one in real time; 3: the
prober broke; 4: nothing is another one, and yet the outcome is.`,
		Example: `  vmprobe report verify report.yaml --traces traces
  vmprobe report verify report.yaml -- ./my-prober --stdio
  vmprobe report verify report.yaml --rerun
  vmprobe report verify report.yaml --scenario my-scenarios/`,
	}
	f.add(cmd)
	again.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args, err := again.split(cmd, args)
		if err != nil {
			return err
		}
		if len(args) != 1 {
			return usagef("verify takes one report; got %d", len(args))
		}
		if again.known != "" && !again.wanted() {
			return usagef("--known-failing is for a report that is made again: name the prober, or say --rerun")
		}
		var wrong []error
		r, err := openReport(args[0], s.in)
		if _, changed := errors.AsType[*report.DigestError](err); changed {
			wrong = append(wrong, err)
		} else if err != nil {
			return err
		}
		a, err := f.open()
		if err != nil {
			return err
		}
		wrong = append(wrong, campaign.Verify(r, a)...)
		wrong = slices.DeleteFunc(wrong, func(err error) bool { return err == nil })
		if len(wrong) > 0 {
			complain(s.err, wrong)
			fmt.Fprintf(s.out, "%s: does not fit in %d places\n", args[0], len(wrong))
			return exit(exitNegative, nil)
		}
		if again.wanted() {
			return again.again(cmd.Context(), s, env, args[0], r, a)
		}
		fmt.Fprintf(s.out, "%s: the digest of the report and the files of %d cases fit", args[0], len(r.ByCase()))
		if f.traces == "" {
			fmt.Fprintln(s.out, "; traces were not looked at (--traces)")
			return nil
		}
		fmt.Fprintf(s.out, ", and %d traces\n", r.Traces())
		return nil
	}
	return cmd
}

func newReportMerge(s streams) *cobra.Command {
	var out, format string
	cmd := &cobra.Command{
		Use:   "merge REPORT...",
		Short: "Put the reports of all shards together",
		Long: `merge proves that reports are the shards of one run, that no case is in two of them and
none is missing, and writes the report that the run without --shard writes, byte for byte.`,
		Example: `  vmprobe run --shard 1/2 -o yaml > shard-1.yaml
  vmprobe run --shard 2/2 -o yaml > shard-2.yaml
  vmprobe report merge shard-1.yaml shard-2.yaml -o report.yaml`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this `file`, not to standard output")
	cmd.Flags().StringVar(&format, "format", "yaml", "of what is written: "+strings.Join(report.Formats(), ", "))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := report.CheckFormat(format); err != nil {
			return usagef("--format: %w", err)
		}
		var shards []report.Named
		var errs []error
		for _, name := range args {
			r, err := readReport(name, s.in)
			errs = append(errs, err)
			shards = append(shards, report.Named{Name: name, Report: r})
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		whole, err := report.Merge(shards)
		if err != nil {
			return exit(exitNegative, err)
		}
		return writeView(s, format, out, whole)
	}
	return cmd
}

func newReportBadge(s streams) *cobra.Command {
	var out, format string
	cmd := &cobra.Command{
		Use:   "badge REPORT",
		Short: "Write the verdict in one line, as shields.io endpoint or as SVG",
		Example: `  vmprobe report badge report.yaml -o badge.json
  vmprobe report badge report.yaml --format svg -o badge.svg`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this `file`, not to standard output")
	cmd.Flags().StringVar(&format, "format", "json", strings.Join(badge.Formats(), " or "))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if !slices.Contains(badge.Formats(), format) {
			return usagef("--format %q: want %s", format, strings.Join(badge.Formats(), " or "))
		}
		r, err := readReport(args[0], s.in)
		if err != nil {
			return err
		}
		return writeOut(s, out, func(w io.Writer) error { return badge.Write(format, w, badge.Of(r)) })
	}
	return cmd
}
