package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	socketsreference "github.com/vmprobe/vmprobe/conformance/sockets/reference"
)

func newProber(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prober {--stdio|--sockets}",
		Short: "Be a prober under test: the one of vmprobe, behind the protocol",
		Long: `prober serves vmprobe's own prober to a suite, as a vendor's prober would be served. It
is the reference for adapters: what passes in process passes through the protocol, too.

With --stdio it is a machine without a clock, for the lockstep door. With --sockets it
keeps its own time and makes its own connections, for the sockets door.`,
		Example: `  vmprobe conformance agent-hung -- vmprobe prober --stdio
  vmprobe conformance --door sockets 'validate-*' -- vmprobe prober --sockets
  vmprobe prober --stdio < transcript.ndjson`,
		Args: cobra.NoArgs,
	}
	stdio := cmd.Flags().Bool("stdio", false, "speak the lockstep protocol on standard input and output")
	sockets := cmd.Flags().Bool("sockets", false, "keep time and make connections; messages on standard input and output")
	concurrent := cmd.Flags().Int("concurrent", 0, "cases at a time, with --sockets; 0: as many as the suite likes")
	mutant := cmd.Flags().String("mutant", "", "be this wrong prober")
	if err := cmd.Flags().MarkHidden("mutant"); err != nil {
		panic(err) // the flag was added above
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case *stdio == *sockets:
			return usagef("say how to speak: --stdio or --sockets")
		case *concurrent < 0 || *concurrent > protocol.MaxConcurrent:
			return usagef("--concurrent %d: want 0 to %d", *concurrent, protocol.MaxConcurrent)
		case *stdio && *concurrent > 0:
			return usagef("--concurrent is for --sockets: behind --stdio there is one case at a time")
		}
		var deviation *simbed.Deviation
		if *mutant != "" {
			list, err := mutants.Select([]string{*mutant})
			if err != nil {
				return exit(exitUsage, err)
			}
			deviation = &list[0].Deviation
		}
		var err error
		if *sockets {
			if why := socketsreference.Deviates(deviation); why != "" {
				return usagef("--mutant %s: %s", *mutant, why)
			}
			p := &socketsreference.Prober{Version: campaign.Version(), Deviation: deviation, Concurrent: *concurrent}
			err = p.Serve(cmd.Context(), s.in, s.out)
		} else {
			err = protocol.Serve(cmd.Context(), s.in, s.out, &reference.Prober{Version: campaign.Version(), Deviation: deviation})
		}
		if err != nil {
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
