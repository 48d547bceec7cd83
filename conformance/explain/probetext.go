package explain

import (
	"fmt"
	"strings"

	"github.com/vmprobe/vmprobe/probes/spec"
)

func (t *text) probe(kind string) {
	var first *Probe
	for i := range t.analyses {
		if p := t.analyses[i].of(kind); p != nil && first == nil {
			first = p
		}
	}
	if first == nil {
		return
	}
	t.line("")
	t.line("  %s probe: %s, %s", strings.ToUpper(kind[:1])+kind[1:], first.Handler, clip(first.Target, 60))
	for _, s := range t.fields(kind) {
		t.setting(kind, s)
	}
	t.windows(kind)
	t.faults(kind)
	t.outcomes(kind)
}

// fields lists the settings of a probe over all profiles, in order. The
// handler is in the headline.
func (t *text) fields(kind string) []string {
	var all []string
	seen := map[string]bool{"handler": true}
	for i := range t.analyses {
		p := t.analyses[i].of(kind)
		if p == nil {
			continue
		}
		for _, s := range p.Settings {
			if !seen[s.Field] {
				seen[s.Field] = true
				all = append(all, s.Field)
			}
		}
	}
	return all
}

func (t *text) setting(kind, name string) {
	values := each(t, func(a *Analysis) *Setting {
		p := a.of(kind)
		if p == nil {
			return nil
		}
		for i := range p.Settings {
			if p.Settings[i].Field == name {
				return &p.Settings[i]
			}
		}
		return nil
	})
	same := func(a, b Setting) bool {
		return a.Value == b.Value && a.Note == b.Note && origin(a) == origin(b) && a.Requirement == b.Requirement
	}
	row(t, shortField(name), same, values, func(s Setting) (value, tail, note string) {
		return s.Value, origin(s) + " " + s.Requirement, s.Note
	})
}

// shortField drops the handler's name, which the headline has.
func shortField(name string) string {
	if name == "terminationGracePeriodSeconds" {
		return "grace of this probe"
	}
	if _, below, ok := strings.Cut(name, "."); ok {
		return below
	}
	return name
}

// origin is short, and the same for both APIs, whose defaults agree.
func origin(s Setting) string {
	switch s.Origin {
	case spec.FromKubeVirtDefault, spec.FromKubeDefault:
		return "default"
	case spec.FromProfile:
		return "profile"
	case spec.FromManifest:
	}
	return "manifest"
}

func (w Window) text() string {
	if w.Earliest == w.Latest {
		return w.Earliest.String()
	}
	return w.Earliest.String() + " .. " + w.Latest.String()
}

func (t *text) windows(kind string) {
	t.line("")
	row(t, "first attempt", equal, each(t, func(a *Analysis) *Window {
		if p := a.of(kind); p != nil {
			return &p.FirstAttempt
		}
		return nil
	}), func(w Window) (value, tail, note string) { return w.text(), "after container start", "" })
	type up struct{ on, off string }
	row(t, "Ready if healthy", equal, each(t, func(a *Analysis) *up {
		p := a.of(kind)
		if p == nil || p.Ready == nil {
			return nil
		}
		return &up{p.Ready.text(), p.ReadyOffSchedule.String()}
	}), func(u up) (value, tail, note string) {
		return u.on, "after container start", "from " + u.off + " when extra runs come off schedule (TIM-READY-MANUAL)"
	})
}

// faults prints how long each way of failing goes unseen.
func (t *text) faults(kind string) {
	verdict, back := "verdict after", ""
	if kind == "readiness" {
		verdict, back = "NotReady after", "Ready again after"
	}
	t.line("")
	t.line("  %-22s %-9s %-18s %-18s %s", "when the target", "class", verdict, back, "")
	var modes []string
	seen := map[string]bool{}
	for i := range t.analyses {
		if p := t.analyses[i].of(kind); p != nil {
			for _, f := range p.Faults {
				if !seen[f.Mode] {
					seen[f.Mode] = true
					modes = append(modes, f.Mode)
				}
			}
		}
	}
	for _, mode := range modes {
		t.fault(kind, mode)
	}
}

func (t *text) fault(kind, mode string) {
	type shown struct{ title, class, detected, back, requirement, note string }
	values := each(t, func(a *Analysis) *shown {
		p := a.of(kind)
		if p == nil {
			return nil
		}
		for _, f := range p.Faults {
			if f.Mode == mode {
				s := shown{f.Title, f.Class, "never", "", f.Requirement, f.Note}
				if f.Detected != nil {
					s.detected = f.Detected.text()
				}
				if f.Recovered != nil {
					s.back = f.Recovered.text()
				}
				return &s
			}
		}
		return nil
	})
	label := ""
	for _, g := range merge(equal, t.names, values) {
		v := g.value
		if label == v.title {
			v.title = ""
		} else {
			label = v.title
		}
		set := who(g.profiles, t.names)
		if len(t.names) == 1 {
			set = ""
		}
		t.line("  %-22s %-9s %-18s %-18s %s", v.title, v.class, v.detected, v.back, set)
		if v.note != "" {
			t.wrapped(27, v.note+" ("+v.requirement+")")
		}
	}
}

// outcomes prints what a liveness failure does.
func (t *text) outcomes(kind string) {
	values := each(t, func(a *Analysis) *string {
		if p := a.of(kind); p != nil && p.OnFailure != nil {
			s := p.OnFailure.text()
			return &s
		}
		return nil
	})
	groups := merge(equal, t.names, values)
	if len(groups) == 0 {
		return
	}
	t.line("")
	t.line("  when %s has failed", kind)
	for _, g := range groups {
		if len(t.names) > 1 {
			t.line("    %s", who(g.profiles, t.names))
		}
		t.WriteString(g.value)
	}
}

func (o *Outcome) text() string {
	var t text
	for _, s := range o.Steps {
		t.line("      +%-7s %s  (%s)", s.After, s.What, s.Requirement)
	}
	for _, e := range o.Endings {
		what := e.What
		if e.Phase != "" {
			what = fmt.Sprintf("phase %s, %s", e.Phase, what)
		}
		if e.When != "" {
			what = e.When + ": " + what
		}
		t.wrapped(6, what+"  ("+e.Requirement+")")
	}
	return t.String()
}

// findings prints every finding once, with the profiles that have it.
func (t *text) findings() {
	var all []group[Finding]
	for i := range t.analyses {
	next:
		for _, f := range t.analyses[i].Findings {
			for j := range all {
				if sameFinding(all[j].value, f) {
					all[j].profiles = append(all[j].profiles, t.names[i])
					if all[j].value.Note == "" {
						all[j].value.Note = f.Note
					}
					continue next
				}
			}
			all = append(all, group[Finding]{f, t.names[i : i+1 : i+1]})
		}
	}
	if len(all) == 0 {
		return
	}
	sortGroups(all)
	t.line("")
	t.line("  findings")
	for _, g := range all {
		t.finding(g)
	}
}

func (t *text) finding(g group[Finding]) {
	f := g.value
	place := f.Path
	if f.Line > 0 {
		place = fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Path)
	}
	set := ""
	if len(t.names) > 1 {
		set = "[" + who(g.profiles, t.names) + "]"
	}
	t.line("    %-9s %s  %s", f.Severity, f.Requirement, set)
	if place != "" {
		t.line("      at %s", place)
	}
	t.wrapped(6, f.By+": "+f.Message)
	if f.Assumed != "" {
		t.wrapped(6, "-> "+f.Assumed)
	}
	if f.Note != "" {
		t.wrapped(6, "-> "+f.Note)
	}
}

// sameFinding ignores the note, which tells VMs what pods need not be told.
func sameFinding(a, b Finding) bool {
	a.Note, b.Note = "", ""
	return a == b
}
