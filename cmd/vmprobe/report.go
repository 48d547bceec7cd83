package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

func newReport(s streams, env lookupEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Rebuild, check and merge saved reports, offline",
		Long: `report works on reports that were saved as yaml or json, and runs nothing. With the
traces of the run (--report trace=DIR) each view is the same, byte for byte, as the one
that --report of the run writes; without them it has no timelines.`,
		Example: `  vmprobe run --report yaml=report.yaml --report trace=traces
  vmprobe report html report.yaml --traces traces -o report.html
  vmprobe report verify report.yaml --traces traces
  vmprobe report merge shard-1.yaml shard-2.yaml -o report.yaml`,
		Args: cobra.ArbitraryArgs,
	}
	for _, format := range report.Formats() {
		cmd.AddCommand(newReportView(s, env, format))
	}
	cmd.AddCommand(newReportVerify(s, env), newReportMerge(s), newReportBadge(s), newReportInToto(s))
	cmd.RunE = orSubcommand(cmd)
	return cmd
}

// orSubcommand refuses what is no subcommand.
func orSubcommand(cmd *cobra.Command) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		words := subcommands(cmd)
		if len(args) == 0 {
			return usagef("%s: say what to do: %s", cmd.Name(), strings.Join(words, ", "))
		}
		near := didYouMean(args[0], words)
		if near == "" {
			near = "; want " + strings.Join(words, ", ")
		}
		return usagef("%s %q: unknown%s", cmd.Name(), args[0], near)
	}
}

func subcommands(cmd *cobra.Command) []string {
	var words []string
	for _, c := range cmd.Commands() {
		words = append(words, c.Name())
	}
	return words
}

// archiveFlags say where the traces and scenarios of a saved report are.
type archiveFlags struct {
	traces    string
	scenarios []string
}

func (f *archiveFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.traces, "traces", "", "`directory` of the traces of the run")
	cmd.Flags().StringArrayVar(&f.scenarios, "scenario", nil,
		"`file` or directory with scenarios that are neither embedded nor where the report says; repeatable")
}

func (f *archiveFlags) open() (*campaign.Archive, error) {
	a, err := campaign.OpenArchive(f.traces, f.scenarios)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	return a, nil
}

func newReportView(s streams, env lookupEnv, format string) *cobra.Command {
	var f archiveFlags
	var out string
	var verbose bool
	cmd := &cobra.Command{
		Use:     format + " REPORT",
		Short:   "Write a saved report as " + format,
		Example: fmt.Sprintf("  vmprobe report %s report.yaml --traces traces\n  vmprobe report %s report.yaml -o out/report.%s", format, format, format),
		Args:    cobra.ExactArgs(1),
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this `file`, not to standard output")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "draw the timelines of passing cases, too (text)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := readReport(args[0], s.in)
		if err != nil {
			return err
		}
		a, err := f.open()
		if err != nil {
			return err
		}
		color, err := useColor(cmd.Flag("color").Value.String(), s.out, env)
		if err != nil {
			return err
		}
		c := &campaign.Campaign{Everything: verbose, Pictures: format == report.HTML}
		if color && out == "" {
			c.Style = ansi
		}
		r.Verbose = verbose
		missing := c.Restore(r, a)
		draws := !slices.Contains([]string{"json", "yaml", "github"}, format)
		if draws && f.traces == "" {
			fmt.Fprintln(s.err, "vmprobe: no --traces: this view has no timelines")
		}
		if err := writeView(s, format, out, r); err != nil {
			return err
		}
		if draws && len(missing) > 0 {
			complain(s.err, missing)
			return exit(exitNegative, nil)
		}
		return nil
	}
	return cmd
}

// complain prints what does not fit, at most ten lines.
func complain(w io.Writer, errs []error) {
	const most = 10
	for i, err := range errs {
		if i == most {
			fmt.Fprintf(w, "vmprobe: and %d more\n", len(errs)-most)
			return
		}
		fmt.Fprintln(w, "vmprobe:", err)
	}
}

// writeView writes a report in a format to a file, or to standard output.
func writeView(s streams, format, out string, r *report.Report) error {
	return writeOut(s, out, func(w io.Writer) error { return report.Write(format, w, r) })
}

func writeOut(s streams, out string, write func(io.Writer) error) error {
	if out == "" {
		if err := write(s.out); err != nil {
			return exit(exitCouldNotRun, err)
		}
		return nil
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if err := campaign.WriteFile(out, b.Bytes()); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}

// readReport reads a saved report that must be whole.
func readReport(name string, stdin io.Reader) (*report.Report, error) {
	r, err := openReport(name, stdin)
	if err != nil {
		if _, changed := errors.AsType[*report.DigestError](err); changed {
			return nil, exit(exitNegative, err)
		}
		return nil, err
	}
	return r, nil
}

// openReport reads a saved report; with a *report.DigestError it is there,
// too.
func openReport(name string, stdin io.Reader) (*report.Report, error) {
	in := stdin
	if name != suite.Stdin {
		f, err := os.Open(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, exit(exitUsage, err)
		case err != nil:
			return nil, exit(exitCouldNotRun, err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, usagef("%s: is a directory; want a report that was saved as yaml or json", name)
		}
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, report.MaxSize+1))
	if err != nil {
		return nil, exit(exitCouldNotRun, fmt.Errorf("read %s: %w", name, err))
	}
	r, err := report.Decode(name, fromLog(data))
	if _, changed := errors.AsType[*report.DigestError](err); err != nil && !changed {
		return nil, exit(exitUsage, err)
	}
	return r, err
}

// fromLog is the JSON report in the log of a pod, where the lines of standard
// error stand around it. Anything else is left as it is.
func fromLog(data []byte) []byte {
	begin, end := bytes.Index(data, []byte("{\n  \"apiVersion\": ")), bytes.LastIndex(data, []byte("\n}\n"))
	if begin < 0 || end < begin || begin > 0 && data[begin-1] != '\n' {
		return data
	}
	return data[begin : end+len("\n}\n")]
}
