package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// Options say what to explain.
type Options struct {
	// Profiles to compare, in this order; empty means all, or only kubernetes
	// for a pod.
	Profiles []probes.ProfileName
	// Skipped documents are named at the end.
	Skipped []spec.Skipped
}

// width is the column at which long texts wrap.
const width = 100

// Manifest writes what the machines' probes mean, as text of at most 100
// columns: one section per machine, profiles that agree merged.
func Manifest(w io.Writer, machines []*spec.Machine, opts Options) error {
	t := &text{}
	for i, m := range machines {
		if i > 0 {
			t.line("")
		}
		if err := t.machine(m, opts); err != nil {
			return err
		}
	}
	for _, s := range opts.Skipped {
		t.line("%s", s)
	}
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// Profiles are the profiles in which a machine is explained by default: all,
// or kubernetes alone for a pod, which KubeVirt does not probe.
func Profiles(m *spec.Machine) []probes.ProfileName {
	if m.Pod != nil {
		return []probes.ProfileName{probes.Kubernetes}
	}
	return probes.ProfileNames()
}

type text struct {
	strings.Builder
	names    []probes.ProfileName
	analyses []Analysis
}

func (t *text) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.WriteByte('\n')
}

// wrapped writes a text behind an indent, in as many lines as it needs.
func (t *text) wrapped(indent int, s string) {
	words := strings.Fields(s)
	for len(words) > 0 {
		n, used := 1, indent+len(words[0])
		for n < len(words) && used+1+len(words[n]) <= width {
			used += 1 + len(words[n])
			n++
		}
		t.line("%s%s", strings.Repeat(" ", indent), strings.Join(words[:n], " "))
		words = words[n:]
	}
}

func (t *text) machine(m *spec.Machine, opts Options) error {
	t.names = opts.Profiles
	if len(t.names) == 0 {
		t.names = Profiles(m)
	}
	t.analyses = nil
	for _, name := range t.names {
		p, ok := probes.LookupProfile(name)
		if !ok {
			return fmt.Errorf("explain: unknown profile %q", name)
		}
		t.analyses = append(t.analyses, Analyze(m, p))
	}
	t.line("%s %s/%s", m.Kind, m.Namespace, m.Name)
	if len(t.names) > 1 {
		t.line("  profiles: %s   (kubevirt* is kubevirt and kubevirt-legacy)", who(t.names, nil))
	} else {
		t.line("  profile: %s", t.names[0])
	}
	t.header()
	for _, kind := range []probes.Kind{probes.Readiness, probes.Liveness, probes.Startup} {
		t.probe(kind.String())
	}
	t.findings()
	return nil
}

// column prints one row of label, value, profiles and tail.
func (t *text) column(label, value, who, tail string) {
	if len(t.names) == 1 {
		t.line("  %-22s %-20s %s", label, value, tail)
		return
	}
	t.line("  %-22s %-20s %-27s %s", label, value, who, tail)
}

// row prints one label whose value may differ between profiles.
func row[T any](t *text, label string, same func(a, b T) bool, values []*T, show func(T) (value, tail, note string)) {
	for _, g := range merge(same, t.names, values) {
		value, tail, note := show(g.value)
		set := who(g.profiles, t.names)
		if len(value) > 20 {
			t.line("  %-22s %s", label, clip(value, width-25))
			t.column("", "", set, tail)
		} else {
			t.column(label, value, set, tail)
		}
		if note != "" {
			t.wrapped(27, note)
		}
		label = ""
	}
}

// clip shortens a value that a single line must hold, such as a long command.
func clip(s string, longest int) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest-3]) + "..."
	}
	return s
}

func equal[T comparable](a, b T) bool { return a == b }

// each collects one value per profile.
func each[T any](t *text, value func(*Analysis) *T) []*T {
	all := make([]*T, len(t.analyses))
	for i := range t.analyses {
		all[i] = value(&t.analyses[i])
	}
	return all
}

func plainly(s string) (value, tail, note string) { return s, "", "" }

func (t *text) header() {
	row(t, "verdict", equal, each(t, func(a *Analysis) *string {
		s := "accepted"
		for _, f := range a.Findings {
			switch {
			case f.Severity == spec.Rejects && f.Assumed == "":
				s = "rejected"
			case f.Severity == spec.Rejects && s == "accepted":
				s = "refused, see below"
			}
		}
		return &s
	}), plainly)
	row(t, "run strategy", equal, each(t, func(a *Analysis) *string {
		if a.RunStrategy == "" {
			return nil
		}
		s := string(a.RunStrategy)
		return &s
	}), plainly)
	row(t, "grace, pod's grace", equal, each(t, func(a *Analysis) *string {
		s := a.Grace.String() + ", " + a.PodGrace.String()
		return &s
	}), plainly)
}

// of finds the probe of a kind in an analysis.
func (a *Analysis) of(kind string) *Probe {
	for i := range a.Probes {
		if a.Probes[i].Kind == kind {
			return &a.Probes[i]
		}
	}
	return nil
}
