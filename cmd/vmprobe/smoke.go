package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

func newSmoke(s streams) *cobra.Command {
	var f proberFlags
	cmd := &cobra.Command{
		Use:   "smoke -- prober [args]",
		Short: "Say the least to a new prober and tell what is wrong with its answers",
		Long: `smoke starts a prober, greets it, opens a case with one VM, starts its container, answers
the first attempt and closes. It prints what became of each message; of the first wrong
answer it shows what was sent and received, the field at fault, and the fix.`,
		Example: `  vmprobe smoke -- ./my-prober --stdio
  vmprobe smoke -- python3 prober.py`,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rest, err := f.split(cmd, args)
		if err != nil {
			return err
		}
		if len(f.argv) == 0 || len(rest) > 0 {
			return usagef("name a prober: vmprobe smoke -- ./my-prober")
		}
		config, err := f.config(1)
		if err != nil {
			return err
		}
		err = lockstep.Smoke(cmd.Context(), config, s.out)
		switch {
		case errors.Is(err, protocol.ErrProtocol):
			return exit(exitCouldNotRun, nil) // it has been said
		case err != nil:
			return exit(exitCouldNotRun, err)
		}
		_, err = fmt.Fprintln(s.out, "it speaks the protocol; now put it under test: vmprobe conformance --", shellWords(f.argv))
		return err
	}
	return cmd
}
