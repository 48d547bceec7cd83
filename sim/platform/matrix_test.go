package platform_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// matrix tells what a liveness failure at 20 s leads to, for every profile,
// runStrategy (restartPolicy), obedience and grace: one line each.
func matrix(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, profile := range probes.ProfileNames() {
		strategies, key := []string{"Always", "RerunOnFailure", "Manual", "Once", "Halted", ""}, "run"
		if profile == probes.Kubernetes {
			strategies, key = []string{"Always", "OnFailure", "Never"}, "policy"
		}
		for _, strategy := range strategies {
			for _, acpi := range []string{"2s", "ignore"} {
				for _, grace := range []string{"0s", "180s"} {
					w := newWorld(1)
					w.play(t, &datadriven.TestData{
						Input: "20s live-failed 1\n",
						CmdArgs: []datadriven.CmdArg{
							{Key: "profile", Vals: []string{string(profile)}},
							{Key: key, Vals: []string{strategy}},
							{Key: "acpi", Vals: []string{acpi}},
							{Key: "grace", Vals: []string{grace}},
							{Key: "liveness", Vals: []string{"http"}},
							{Key: "until", Vals: []string{"300s"}},
						},
					})
					fmt.Fprintf(&b, "%-15s %-14s acpi %-6s grace %4s: %s\n",
						profile, cmp.Or(strategy, "bare"), acpi, grace, fate(w.events))
				}
			}
		}
	}
	return b.String()
}

// fate is what an owner of the VM would remember.
func fate(events []trace.Event) string {
	var presses int
	var parts []string
	end := "runs on"
	for _, e := range events {
		switch {
		case e.Kind == trace.Kill && e.Value == "acpi":
			presses++
		case e.Kind == trace.Kill && e.Value != "sigterm":
			parts = append(parts, fmt.Sprintf("%s %.1fs", e.Value, e.T.Seconds()))
		case e.Kind == trace.VMIPhase && (e.Value == "Succeeded" || e.Value == "Failed"):
			parts = append(parts, fmt.Sprintf("%s %.1fs", e.Value, e.T.Seconds()))
			end = "stays"
		case e.Kind == trace.Restart:
			end = fmt.Sprintf("restart %.1fs", e.T.Seconds())
		}
	}
	if presses > 0 {
		parts = append([]string{fmt.Sprintf("acpi x%d", presses)}, parts...)
	}
	return strings.Join(append(parts, end), ", ")
}
