package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

func newProber(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prober --stdio",
		Short: "Be a prober under test: the one of vmprobe, behind the protocol",
		Long: `prober serves vmprobe's own prober to a suite, as a vendor's prober would be served. It
is the reference for adapters: what passes in process passes through the protocol, too.`,
		Example: `  vmprobe conformance agent-hung -- vmprobe prober --stdio
  vmprobe prober --stdio < transcript.ndjson`,
		Args: cobra.NoArgs,
	}
	stdio := cmd.Flags().Bool("stdio", false, "speak the lockstep protocol on standard input and output")
	mutant := cmd.Flags().String("mutant", "", "be this wrong prober")
	if err := cmd.Flags().MarkHidden("mutant"); err != nil {
		panic(err) // the flag was added above
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*stdio {
			return usagef("say how to speak: --stdio")
		}
		p := &reference.Prober{Version: campaign.Version()}
		if *mutant != "" {
			list, err := mutants.Select([]string{*mutant})
			if err != nil {
				return exit(exitUsage, err)
			}
			p.Deviation = &list[0].Deviation
		}
		if err := protocol.Serve(cmd.Context(), s.in, s.out, p); err != nil {
			return exit(exitCouldNotRun, err)
		}
		return nil
	}
	return cmd
}

// shellWords is a command as a shell would take it.
func shellWords(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = judge.ShellWord(w)
	}
	return strings.Join(words, " ")
}
