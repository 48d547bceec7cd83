package spec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// TestGolden runs the interaction files. Commands:
//
//	decode             what a stream holds, or everything that is wrong
//	findings           the findings of every machine, profiles merged
//	values FIELD...    the effective values of these fields per profile
//	machine            what is true of the machine, not of a probe
//	position PATH...   where fields are written
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			m, err := spec.DecodeAll([]byte(d.Input))
			var b strings.Builder
			if err != nil {
				fmt.Fprintln(&b, err)
			}
			switch d.Cmd {
			case "decode":
				decoded(&b, m)
			case "findings":
				findings(&b, m)
			case "values":
				values(&b, m, keys(d))
			case "machine":
				machine(&b, m)
			case "position":
				for _, p := range keys(d) {
					at := m.Machines[0].Position(p)
					fmt.Fprintf(&b, "%s: %d:%d written %v\n", p, at.Line, at.Column, m.Machines[0].Written(p))
				}
			default:
				t.Fatalf("unknown command %s", d.Cmd)
			}
			return b.String()
		})
	})
}

func keys(d *datadriven.TestData) []string {
	var all []string
	for _, a := range d.CmdArgs {
		all = append(all, a.Key)
	}
	return all
}

func decoded(b *strings.Builder, m spec.Manifest) {
	for _, machine := range m.Machines {
		fmt.Fprintf(b, "document %d: %s %s/%s\n", machine.Doc, machine.Kind, machine.Namespace, machine.Name)
	}
	for _, s := range m.Skipped {
		fmt.Fprintf(b, "%s (line %d)\n", s, s.Line)
	}
}

// perProfile prints what each profile says, once per distinct answer.
func perProfile(b *strings.Builder, say func(probes.Profile) string) {
	var answers []string
	names := map[string][]string{}
	for _, name := range probes.ProfileNames() {
		p, _ := probes.LookupProfile(name)
		s := say(p)
		if !slices.Contains(answers, s) {
			answers = append(answers, s)
		}
		names[s] = append(names[s], string(name))
	}
	for _, s := range answers {
		who := "all profiles"
		if len(answers) > 1 {
			who = strings.Join(names[s], ", ")
		}
		fmt.Fprintf(b, "[%s]\n%s", who, s)
	}
}

func findings(b *strings.Builder, m spec.Manifest) {
	for _, machine := range m.Machines {
		perProfile(b, func(p probes.Profile) string {
			r := machine.Resolve(p)
			var s strings.Builder
			if r.Rejected() {
				fmt.Fprintln(&s, "  REJECTED")
			}
			for _, f := range r.Findings {
				fmt.Fprintf(&s, "  %s %s %s (%s)\n    %s\n", f.Severity, f.Requirement, f.Path, f.By, f.Message)
				for _, more := range []string{f.Assumed, f.Note} {
					if more != "" {
						fmt.Fprintf(&s, "    -> %s\n", more)
					}
				}
			}
			if s.Len() == 0 {
				return "  none\n"
			}
			return s.String()
		})
	}
}

func values(b *strings.Builder, m spec.Manifest, fields []string) {
	for _, machine := range m.Machines {
		perProfile(b, func(p probes.Profile) string {
			r := machine.Resolve(p)
			var s strings.Builder
			for _, kind := range []probes.Kind{probes.Readiness, probes.Liveness, probes.Startup} {
				for _, set := range r.Settings[kind] {
					if !slices.Contains(fields, set.Field) {
						continue
					}
					fmt.Fprintf(&s, "  %s %s = %s (%s, %s)", kind, set.Field, set.Value, set.Origin, set.Requirement)
					if set.Note != "" {
						fmt.Fprintf(&s, " %s", set.Note)
					}
					s.WriteByte('\n')
				}
			}
			return s.String()
		})
	}
}

func machine(b *strings.Builder, m spec.Manifest) {
	for _, machine := range m.Machines {
		perProfile(b, func(p probes.Profile) string {
			r := machine.Resolve(p)
			var s strings.Builder
			fmt.Fprintf(&s, "  runStrategy %q, grace %v, pod grace %v, restart %s, pod network %v, paused %v",
				r.RunStrategy, r.Grace, r.PodGrace, r.RestartPolicy, r.PodNetwork, r.StartPaused)
			if r.ForwardedPorts != nil {
				fmt.Fprintf(&s, ", forwards %v", r.ForwardedPorts)
			}
			if r.Container != "" {
				fmt.Fprintf(&s, ", container %s", r.Container)
			}
			s.WriteByte('\n')
			for _, probe := range r.Probes {
				fmt.Fprintf(&s, "  %s %s delay %v period %v timeout %v failure %d success %d grace %v ports %v %v\n",
					probe.Kind, probe.Handler, probe.InitialDelay, probe.Period, probe.Timeout,
					probe.FailureThreshold, probe.SuccessThreshold, probe.TerminationGrace, probe.HTTP.Port, probe.TCP.Port)
			}
			return s.String()
		})
	}
}
