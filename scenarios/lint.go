package scenarios

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Lint tells what makes a scenario that decodes weak or wrong: names without
// use, guests without probes, outages of ambiguous length, windows that
// reject legal probers. It is to be called on a file in which Load found no
// errors.
func Lint(f *File) diag.List {
	var list diag.List
	f.lintNames(&list)
	f.lintProbed(&list)
	for _, c := range f.compiled {
		c.list = &list
		c.lintManifests()
		if len(c.c.Rejected) > 0 {
			continue
		}
		c.lintAssertions()
		c.lintLength()
		for i := range c.c.VMs {
			vm := &c.c.VMs[i]
			for j := range vm.Resolved.Probes {
				l := c.look(vm, &vm.Resolved.Probes[j])
				l.replies()
				l.delays()
				l.late()
				l.outages()
				l.timeBases()
				l.windows()
			}
		}
	}
	return perProfile(list).Sort()
}

// longRun is the virtual time beyond which a scenario is called long.
const longRun = 10000 * time.Second

func (f *File) lintNames(list *diag.List) {
	for _, name := range sortedNames(f.named) {
		if !f.usedName[name] {
			list.Add(diag.UnusedName, f.named[name], "use it or remove it", "no formula uses %q", name)
		}
	}
	for _, name := range sortedNames(f.varies) {
		if !f.usedVary[name] {
			list.Add(diag.UnusedVary, f.varies[name], "use $"+name+" or remove it", "nothing uses %q", "$"+name)
		}
	}
	if f.mutants && len(f.runs) > 0 && len(f.runs[0].doc.Spec.Kills) == 0 {
		list.Add(diag.NoKills, f.runs[0].doc.Spec.Pos, "add kills: [MUTANT]; \"vmprobe mutants --full --cases FILE\" tells which", "the scenario claims to catch no wrong prober")
		if strings.HasPrefix(f.Path, CasesDir) {
			(*list)[len(*list)-1].Severity = diag.Error // the suite has to prove itself
		}
	}
}

// lintProbed finds scripted endpoints that no probe asks in any case.
func (f *File) lintProbed(list *diag.List) {
	scripts, asked := map[string]Pos{}, map[string]bool{}
	for _, c := range f.compiled {
		if len(c.c.Rejected) > 0 {
			for key := range c.endpoints {
				asked[key] = true
			}
		}
		for key, pos := range c.endpoints {
			scripts[key] = pos
			vm, name, _ := strings.Cut(key, " ")
			_, counted := c.positions[vm+".requests."+name]
			if counted || strings.HasPrefix(name, "http") && c.redirects() {
				asked[key] = true
			}
		}
		for i := range c.c.VMs {
			vm := &c.c.VMs[i]
			for j := range vm.Resolved.Probes {
				if t, ok := c.c.targetOf(vm, &vm.Resolved.Probes[j]); ok {
					for _, k := range t.keys {
						asked[t.vm+" "+k] = true
					}
					if c.c.Profile.VM && vm.Resolved.Probes[j].Handler == probes.Exec {
						asked[t.vm+" agent"] = true // a command goes by way of the agent
					}
				}
			}
		}
	}
	for _, key := range sortedNames(scripts) {
		if !asked[key] {
			vm, name, _ := strings.Cut(key, " ")
			list.Add(diag.NotProbed, scripts[key], f.probedHelp(vm), "no probe of any manifest asks %s of %q", name, vm)
		}
	}
}

// probedHelp says what is probed instead.
func (f *File) probedHelp(vm string) string {
	var out []string
	for _, c := range f.compiled {
		if v := c.c.VM(vm); v != nil {
			for j := range v.Resolved.Probes {
				p := &v.Resolved.Probes[j]
				name := p.Handler.String()
				if t, ok := c.c.targetOf(v, p); ok && len(t.keys) == 1 {
					name = t.keys[0]
				} else if ok {
					name = t.keys[0]
					if p.Handler == probes.TCPSocket {
						name = t.keys[2]
					}
				}
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "its probes ask " + strings.Join(out, ", ")
}

// redirects tells whether any reply of the case sends a Location: then
// another port may be asked too.
func (c *compilation) redirects() bool {
	for _, steps := range c.steps {
		for _, s := range steps {
			for _, a := range s.Replies {
				if h := a.Reply.HTTP; h != nil && (strings.Contains(strings.ToLower(h.Raw), "location:") || slices.ContainsFunc(h.Headers,
					func(h probes.Header) bool { return strings.EqualFold(h.Name, "Location") })) {
					return true
				}
			}
		}
	}
	return false
}

// lintManifests compares what the API would say with what the scenario says
// about it.
func (c *compilation) lintManifests() {
	for i := range c.c.VMs {
		vm := &c.c.VMs[i]
		if !vm.Resolved.Rejected() || len(c.c.Rejected) > 0 {
			continue
		}
		for _, w := range vm.Resolved.Findings {
			if w.Severity == spec.Rejects && w.Assumed == "" {
				c.list.Add(diag.NotRejected, c.f.at(vm.Machine, w.Path), `say so under "rejected"`,
					"%s refuses this manifest in profile %s: %s", w.By, c.c.Profile.Name, w.Message)
			}
		}
	}
	for _, r := range c.c.Rejected {
		said := false
		for i := range c.c.VMs {
			for _, w := range c.c.VMs[i].Resolved.Findings {
				said = said || w.Severity == spec.Rejects && strings.Contains(w.Message, r.Message)
			}
		}
		if !said {
			c.list.Add(diag.NotRejected, r.Pos, c.refusals(), "nothing refuses the manifests in these words in profile %s", c.c.Profile.Name)
		}
	}
}

func (c *compilation) refusals() string {
	for i := range c.c.VMs {
		for _, w := range c.c.VMs[i].Resolved.Findings {
			if w.Severity == spec.Rejects {
				return w.By + " says: " + w.Message
			}
		}
	}
	return ""
}

// at is the place of a field of a manifest.
func (f *File) at(m *spec.Machine, path string) Pos {
	p := m.Position(path)
	return f.widen(Pos{File: f.Path, Line: p.Line, Col: p.Column})
}

// probePath is where a manifest holds its probes.
func probePath(m *spec.Machine, kind probes.Kind) string {
	switch m.Kind {
	case "VirtualMachine":
		return "spec.template.spec." + kind.String() + "Probe"
	case "Pod":
		return "spec.containers[0]." + kind.String() + "Probe"
	}
	return "spec." + kind.String() + "Probe"
}

// lintAssertions: something must be asserted, and every probe must meet a
// script.
func (c *compilation) lintAssertions() {
	asserted := len(c.c.Findings) > 0
	for _, e := range c.expect {
		asserted = asserted || len(e.Keys) > 0
	}
	if !asserted {
		pos := c.spec.Pos
		if p, ok := c.spec.Keys["expect"]; ok {
			pos = p
		}
		c.list.Add(diag.NoAssertion, pos, `add "expect"`, "nothing is asserted in profile %s", c.c.Profile.Name)
	}
	for i := range c.c.VMs {
		vm := &c.c.VMs[i]
		for j := range vm.Resolved.Probes {
			p := &vm.Resolved.Probes[j]
			t, ok := c.c.targetOf(vm, p)
			if !ok || slices.ContainsFunc(t.keys, func(k string) bool { _, ok := c.endpoints[t.vm+" "+k]; return ok }) {
				continue
			}
			key := t.keys[0]
			if p.Handler == probes.TCPSocket {
				key = t.keys[2]
			}
			c.list.Add(diag.NotScripted, c.f.at(vm.Machine, probePath(vm.Machine, p.Kind)), "add it under guests: "+t.vm,
				"the %s probe of %q asks %s, which no guest scripts", p.Kind, vm.Name, key)
		}
	}
}

// lintLength: long runs, and what happens after the end.
func (c *compilation) lintLength() {
	until := c.c.Until
	if until <= 0 {
		return
	}
	if until > longRun {
		c.list.Add(diag.TooLong, c.spec.Until.Pos, "", "the run takes %s of virtual time, more than %s", until, longRun)
	}
	after := func(what string, at time.Duration, pos Pos) {
		if at >= until {
			c.list.Add(diag.AfterUntil, pos, "", "%s at %s never happens: the run ends at %s", what, at, until)
		}
	}
	for _, name := range c.vmNames() {
		g := c.spec.Guests[name]
		for _, e := range scripted(&g.Boot) {
			for _, s := range e.Steps {
				after("the step", s.At.D, s.Pos)
			}
		}
		for _, s := range g.Power {
			after("the power action", s.At.D, s.Pos)
		}
		for _, s := range g.Freezes {
			after("the freeze", s.At.D, s.Pos)
		}
	}
	for i, f := range c.c.Faults {
		after("the fault", f.At, c.faultPos[i])
	}
	for i, e := range c.c.Events {
		after("the event", e.At, c.eventPos[i])
	}
}
