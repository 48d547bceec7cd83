package main

import (
	"context"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/probes"
)

// explainedProbers is how many legal probers meet a case that is explained:
// those at the edges, and as many drawn.
const explainedProbers = 300

// explainCase measures the windows of cases against legal probers.
func explainCase(ctx context.Context, s streams, arg string, profiles []probes.ProfileName, probers int, output string) error {
	if probers < 1 {
		return usagef("--probers must be at least 1")
	}
	list, err := loadCases(s, []string{arg}, profiles)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return usagef("nothing selected: %s has no case in the chosen profiles", arg)
	}
	var all []legal.Envelope
	for _, c := range list {
		e, err := legal.EnvelopeOf(ctx, c, legal.Options{Probers: probers, Seed: 1})
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		all = append(all, e)
	}
	switch output {
	case "json":
		err = writeJSON(s.out, all)
	case "yaml":
		err = writeYAML(s.out, all)
	case "text":
		for i := range all {
			if err = all[i].WriteText(s.out); err != nil {
				break
			}
		}
	default:
		return usagef("--output %q: want text, json or yaml", output)
	}
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}
