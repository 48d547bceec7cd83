package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/report/attest"
)

func newReportInToto(s streams) *cobra.Command {
	var out, url string
	var predicate bool
	cmd := &cobra.Command{
		Use:   "in-toto REPORT",
		Short: "Write an in-toto statement for signing: these files had these test results",
		Long: `in-toto writes a Statement v1 with a test-result predicate: the subjects are the files of
the prober, by digest; the tests are cases: failedTests failed, warnedTests are exempt or
not run, what is not claimed is not there. Nothing is signed.

A report without a verdict (exit code 1), of one shard, of an interrupted run, or about
vmprobe's own prober says nothing to be signed.`,
		Example: `  vmprobe report in-toto report.yaml -o statement.json
  vmprobe report in-toto report.yaml --predicate -o predicate.json`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this `file`, not to standard output")
	cmd.Flags().StringVar(&url, "url", "", "where the run can be seen")
	cmd.Flags().BoolVar(&predicate, "predicate", false, "write the predicate alone, for tools that make the statement themselves")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		r, err := readReport(args[0], s.in)
		if err != nil {
			return err
		}
		statement, err := attest.Of(r, url)
		if err != nil {
			return exit(exitNegative, fmt.Errorf("%s is nothing to attest: %w", args[0], err))
		}
		return writeOut(s, out, func(w io.Writer) error {
			if predicate {
				return attest.Write(w, statement.Predicate)
			}
			return attest.Write(w, statement)
		})
	}
	return cmd
}
