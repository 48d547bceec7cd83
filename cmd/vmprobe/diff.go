package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/report/compare"
)

func newDiff(s streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what became of each case between two saved reports",
		Long: `diff compares two reports case by case: broken (it passed and does not any more, be it
failed or not run), fixed, differs (fails in another way than before), changed (passes in
neither, with another result), new, gone. When something broke the exit code is 1.`,
		Example: `  vmprobe diff old.yaml new.yaml
  vmprobe diff old.yaml new.yaml -o markdown >> "$GITHUB_STEP_SUMMARY"`,
		Args: cobra.ExactArgs(2),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "what to print: "+strings.Join(compare.Formats(), ", "))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if !slices.Contains(compare.Formats(), output) {
			return usagef("--output %q: want %s%s", output, strings.Join(compare.Formats(), ", "), didYouMean(output, compare.Formats()))
		}
		before, err := readReport(args[0], s.in)
		if err != nil {
			return err
		}
		after, err := readReport(args[1], s.in)
		if err != nil {
			return err
		}
		d := compare.Reports(before, after)
		if err := compare.Write(output, s.out, d); err != nil {
			return exit(exitCouldNotRun, err)
		}
		if d.Worse() {
			return exit(exitNegative, nil)
		}
		return nil
	}
	return cmd
}
