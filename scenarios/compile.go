package scenarios

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// compilation turns one run of a document into the case of one profile.
type compilation struct {
	f    *File
	spec *syntax.Spec
	vars *syntax.Vars
	c    *Case
	list *diag.List

	steps     map[string][]syntax.Step // by vm + " " + endpoint, for lints
	endpoints map[string]Pos           // the same keys: where they are written
	faultPos  []Pos
	eventPos  []Pos
	positions map[string]Pos // of expectations: "web.ready"
	expect    map[string]syntax.Expectation
	lets      map[string]Formula
}

// compile builds all cases of the file and judges what concerns all of them.
func (f *File) compile(opts Options) diag.List {
	var list diag.List
	f.vocabulary(opts, &list)
	for _, r := range f.runs {
		for _, name := range f.profiles(&r.doc.Spec) {
			profile, _ := probes.LookupProfile(name)
			c := &compilation{
				f: f, spec: &r.doc.Spec, vars: r.vars, list: &list,
				steps: map[string][]syntax.Step{}, endpoints: map[string]Pos{},
				positions: map[string]Pos{}, expect: map[string]syntax.Expectation{}, lets: map[string]Formula{},
			}
			c.c = &Case{
				Scenario: f.Name, Title: r.doc.Spec.Title.S, File: f.Path, Line: f.Line, Digest: f.Digest,
				Profile: profile, Vary: r.bindings, Until: r.doc.Spec.Until.D, Expect: map[string]*Expectation{},
				Requirements: texts(r.doc.Spec.Requirements), Kills: texts(r.doc.Spec.Kills),
			}
			c.build()
			f.cases = append(f.cases, c.c)
			f.compiled = append(f.compiled, c)
		}
	}
	if len(f.cases) == 0 && len(list) == 0 {
		list.Add(diag.NoProfile, Pos{File: f.Path, Line: f.Line, Col: 1}, "name the profiles", "the handlers of the manifests exist together in no profile")
	}
	return list
}

func texts(list []syntax.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.S)
	}
	return out
}

// vocabulary checks requirement ids and mutants.
func (f *File) vocabulary(opts Options, list *diag.List) {
	for _, r := range f.runs {
		s := &r.doc.Spec
		ids := slices.Clone(s.Requirements)
		for _, w := range s.Findings {
			ids = append(ids, w.Requirement)
		}
		for _, id := range ids {
			if opts.Requirements != nil && !slices.Contains(opts.Requirements, id.S) {
				list.Add(diag.UnknownReq, id.Pos, nearRequirement(id.S, opts.Requirements), "unknown requirement %q", id.S)
			}
		}
		for _, m := range s.Kills {
			if opts.Mutants != nil && !slices.Contains(opts.Mutants, m.S) {
				list.Add(diag.UnknownMutant, m.Pos, near(m.S, opts.Mutants), "unknown mutant %q", m.S)
			}
		}
	}
}

// near suggests only what is near: the whole list would be too long.
func near(word string, candidates []string) string {
	if s := diag.Suggest(word, candidates); len(s) > 0 {
		return diag.DidYouMean(word, s)
	}
	return ""
}

// nearRequirement also knows ids of which only the beginning is right.
func nearRequirement(id string, known []string) string {
	if help := near(id, known); help != "" {
		return help
	}
	if related := diag.Related(id, known); related != nil {
		return "there are " + strings.Join(related, ", ")
	}
	return ""
}

// profiles are those that the scenario names, or all in which the handlers
// of its manifests exist.
func (f *File) profiles(s *syntax.Spec) []probes.ProfileName {
	var out []probes.ProfileName
	for _, name := range probes.ProfileNames() {
		named := slices.ContainsFunc(s.Profiles, func(p syntax.Profile) bool { return p.S == string(name) })
		if len(s.Profiles) > 0 && named || len(s.Profiles) == 0 && f.applies(name) {
			out = append(out, name)
		}
	}
	return out
}

// applies tells whether every handler of the manifests exists in a profile.
func (f *File) applies(name probes.ProfileName) bool {
	profile, _ := probes.LookupProfile(name)
	for _, m := range f.Machines {
		if m.Kind == "Pod" && profile.VM {
			return false
		}
		for _, h := range handlers(m) {
			if h == probes.Exec && !profile.ExecAllowed || h == probes.GuestAgentPing && !profile.AgentAllowed {
				return false
			}
		}
	}
	return true
}

// handlers of a machine, as its manifest writes them.
func handlers(m *spec.Machine) []probes.Handler {
	var out []probes.Handler
	for _, name := range []probes.ProfileName{probes.KubeVirt, probes.Kubernetes} {
		profile, _ := probes.LookupProfile(name)
		r := m.Resolve(profile)
		for _, p := range r.Probes {
			out = append(out, p.Handler)
		}
	}
	return out
}

func (c *compilation) build() {
	c.machines()
	c.guests()
	c.faults()
	c.events()
	c.c.Features = c.features()
	c.prober()
	for _, r := range c.spec.Rejected {
		if c.applies(r.Profiles) {
			c.c.Rejected = append(c.c.Rejected, Rejected{r.Message.S, r.Pos})
		}
	}
	for _, w := range c.spec.Findings {
		if c.applies(w.Profiles) {
			c.c.Findings = append(c.c.Findings, WantFinding{w.Requirement.S, w.Contains.S, w.Pos})
		}
	}
	c.names()
	c.letNames()
	c.expectations()
	if len(c.c.Rejected) == 0 {
		c.length()
	}
}

// OldProber is the age of a prober that nobody calls young: its first check
// is not delayed by a start jitter.
const OldProber = 1000 * time.Hour

// applies tells whether an item with these profiles counts here.
func (c *compilation) applies(list []syntax.Profile) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(p syntax.Profile) bool { return p.S == string(c.c.Profile.Name) })
}

func (c *compilation) machines() {
	for _, m := range c.f.Machines {
		r := m.Resolve(c.c.Profile)
		c.c.VMs = append(c.c.VMs, VM{Name: m.Name, Machine: m, Resolved: r})
	}
}

// vmNames in the order of the manifests.
func (c *compilation) vmNames() []string {
	var out []string
	for i := range c.c.VMs {
		out = append(out, c.c.VMs[i].Name)
	}
	return out
}

// vm checks the name of a machine.
func (c *compilation) vm(t syntax.Text) bool {
	if c.c.VM(t.S) != nil {
		return true
	}
	c.list.Add(diag.UnknownVM, t.Pos, diag.DidYouMean(t.S, c.vmNames()), "no manifest is named %q", t.S)
	return false
}

// length checks "until".
func (c *compilation) length() {
	until := c.spec.Until
	if !until.Set {
		c.list.Add(diag.TooShort, c.spec.Pos, "add until: 300s", "the scenario has no end")
		return
	}
	earliest := time.Duration(-1)
	for i := range c.c.VMs {
		for _, p := range c.c.VMs[i].Resolved.Probes {
			if first := p.InitialDelay + p.Period; earliest < 0 || first < earliest {
				earliest = first
			}
		}
	}
	if earliest > until.D {
		c.list.Add(diag.TooShort, until.Pos, "", "the run ends at %s, but the first attempt may start as late as %s in profile %s",
			until.D, earliest, c.c.Profile.Name)
	}
}

// features are those that are declared and those that the handlers and
// events imply, sorted.
func (c *compilation) features() []string {
	set := map[string]bool{}
	for _, f := range c.spec.Features {
		set[f.S] = true
	}
	for i := range c.c.VMs {
		for _, p := range c.c.VMs[i].Resolved.Probes {
			switch p.Handler {
			case probes.GuestAgentPing:
				set["guest-agent-ping"] = true
			case probes.Exec:
				set["exec"] = true
			default: // every prober has them
			}
			if p.Kind == probes.Startup {
				set["startup"] = true
			}
		}
	}
	for _, e := range c.c.Events {
		switch e.Kind {
		case PauseVM, UnpauseVM, SuspendIO, Snapshot:
			set["pause"] = true
		case Migrate:
			set["migration"] = true
		default: // needs nothing of the prober
		}
	}
	return sortedNames(set)
}

// names registers every "as" and refuses those that mean something else.
func (c *compilation) names() {
	own := map[string]Pos{}
	for _, n := range c.asNames() {
		if n.S == "" {
			continue
		}
		if reserved(n.S) {
			c.list.Add(diag.NameClash, n.Pos, "choose another name", "%q is a name of the language", n.S)
		}
		if first, ok := own[n.S]; ok && first != n.Pos {
			c.list.Add(diag.NameClash, n.Pos, "choose another name", "%q is already used in line %d", n.S, first.Line)
		}
		own[n.S] = n.Pos
		c.f.named[n.S] = n.Pos
	}
	for _, name := range sortedNames(c.spec.Let) {
		pos := c.spec.Keys["let."+name]
		if first, ok := own[name]; ok {
			c.list.Add(diag.NameClash, pos, "choose another name", "%q is already used in line %d", name, first.Line)
		}
		if reserved(name) {
			c.list.Add(diag.NameClash, pos, "choose another name", "%q is a name of the language", name)
		}
		c.f.named[name] = pos
	}
}

func reserved(name string) bool {
	words := append(Fields(), general()...)
	for _, m := range Moments() {
		words = append(words, string(m))
	}
	return slices.Contains(append(words, "max", "min", "prober"), name)
}

// asNames lists every "as" that applies here, in the order of the file.
func (c *compilation) asNames() []syntax.Name {
	var out []syntax.Name
	for _, name := range c.vmNames() {
		g, ok := c.spec.Guests[name]
		if !ok {
			continue
		}
		boots := []*syntax.Boot{&g.Boot}
		if g.EveryBoot != nil {
			boots = append(boots, g.EveryBoot)
		}
		for _, b := range boots {
			for _, e := range scripted(b) {
				for _, s := range e.Steps {
					out = append(out, s.As)
				}
			}
			for _, p := range b.Power {
				out = append(out, p.As)
			}
		}
	}
	for _, f := range c.spec.Faults {
		if c.applies(f.Profiles) {
			out = append(out, f.As)
		}
	}
	for _, e := range c.spec.Events {
		if c.applies(e.Profiles) {
			out = append(out, e.As)
		}
	}
	return out
}

// letNames parses the lets and orders them so that each follows those it
// uses.
func (c *compilation) letNames() {
	for _, name := range sortedNames(c.spec.Let) {
		if f, ok := c.formula(c.spec.Let[name]); ok {
			c.lets[name] = f
		}
	}
	done := map[string]int{} // 1: under way, 2: done
	var visit func(name string) bool
	visit = func(name string) bool {
		if done[name] != 0 {
			return done[name] == 2
		}
		done[name] = 1
		f := c.lets[name]
		for _, r := range f.Refs() {
			if _, ok := c.lets[r.Name]; ok && !visit(r.Name) {
				c.list.Add(diag.LetCycle, r.Pos, "", "%q depends on itself", r.Name)
				return false
			}
		}
		done[name] = 2
		c.c.Let = append(c.c.Let, Let{name, f})
		return true
	}
	for _, name := range sortedNames(c.lets) {
		visit(name)
	}
}

// formula parses a formula with the vary names of this run and notes the
// names it mentions.
func (c *compilation) formula(t syntax.Formula) (Formula, bool) {
	if t.Pos.Line == 0 {
		return Formula{}, false // it did not decode; that is told already
	}
	f, err := parseFormula(t.S, t.Pos, c.vars.Lookup, c.vars.Names(), 0)
	if err != nil {
		if c.noteComma(t, err) {
			return f, false
		}
		*c.list = append(*c.list, *err)
		return f, false
	}
	for _, r := range f.Refs() {
		c.f.mention(r.Name)
	}
	return f, true
}
