package scenarios

import (
	"maps"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// mention notes that a formula uses a name: the base of NAME, NAME.end,
// NAME#1, NAME#1.end.
func (f *File) mention(name string) {
	base, _, _ := strings.Cut(name, "#")
	f.usedName[strings.TrimSuffix(base, ".end")] = true
}

// expectations merges expect and expectIn and checks every formula.
func (c *compilation) expectations() {
	c.mentionAll()
	here := c.spec.ExpectIn[string(c.c.Profile.Name)]
	for _, name := range sortedNames(c.spec.Expect) {
		if c.vm(syntax.Text{S: name, Pos: c.spec.Keys["expect."+name]}) {
			c.expect[name] = c.spec.Expect[name]
		}
	}
	for _, profile := range sortedNames(c.spec.ExpectIn) {
		if _, ok := probes.LookupProfile(probes.ProfileName(profile)); !ok {
			c.list.Add(diag.UnknownName, c.spec.Keys["expectIn."+profile], diag.DidYouMean(profile, profileNames()), "unknown profile %q", profile)
		}
	}
	for _, name := range sortedNames(here) {
		if c.vm(syntax.Text{S: name, Pos: here[name].Pos}) {
			c.expect[name] = replaced(c.expect[name], here[name])
		}
	}
	if len(c.c.Rejected) > 0 {
		return // nothing runs here: the probes that formulas speak of may not exist
	}
	for _, name := range sortedNames(c.expect) {
		e := c.expect[name]
		c.c.Expect[name] = c.expectation(name, &e)
	}
	for _, l := range c.c.Let {
		c.checkLet(l)
	}
}

// mentionAll notes the names used in expectations of any profile, so that a
// name that matters in one of them is not called unused.
func (c *compilation) mentionAll() {
	all := []map[string]syntax.Expectation{c.spec.Expect}
	for _, p := range sortedNames(c.spec.ExpectIn) {
		all = append(all, c.spec.ExpectIn[p])
	}
	for _, m := range all {
		for _, vm := range sortedNames(m) {
			e := m[vm]
			for _, w := range whens(&e) {
				for _, t := range append(slices.Clone(w.In), w.After) {
					if t.S == "" {
						continue
					}
					if f, err := parseFormula(t.S, t.Pos, c.vars.Lookup, nil, 0); err == nil {
						for _, r := range f.Refs() {
							c.f.mention(r.Name)
						}
					}
				}
			}
		}
	}
}

func whens(e *syntax.Expectation) []syntax.When {
	var out []syntax.When
	for _, list := range [][]syntax.HistoryItem{e.Ready, e.Endpoints} {
		for _, i := range list {
			if i.Change != nil {
				out = append(out, i.Change.When)
			}
		}
	}
	if e.Live != nil {
		for _, i := range *e.Live {
			out = append(out, i.When)
		}
	}
	if e.Restarts != nil {
		out = append(out, e.Restarts.Windows...)
	}
	for _, i := range e.Phase {
		if i.When != nil {
			out = append(out, *i.When)
		}
	}
	if e.Kills != nil {
		for _, i := range *e.Kills {
			out = append(out, i.When)
		}
	}
	return out
}

// replaced gives a with the fields that b gives.
func replaced(a, b syntax.Expectation) syntax.Expectation {
	keys := map[string]Pos{}
	maps.Copy(keys, a.Keys)
	maps.Copy(keys, b.Keys)
	given := func(key string) bool { _, ok := b.Keys[key]; return ok }
	if given("ready") {
		a.Ready = b.Ready
	}
	if given("endpoints") {
		a.Endpoints = b.Endpoints
	}
	if given("live") {
		a.Live = b.Live
	}
	if given("restarts") {
		a.Restarts = b.Restarts
	}
	if given("phase") {
		a.Phase = b.Phase
	}
	if given("attempts") {
		a.Attempts = b.Attempts
	}
	if given("tries") {
		a.Tries = b.Tries
	}
	if given("events") {
		a.Events = b.Events
	}
	if given("requests") {
		a.Requests = b.Requests
	}
	if given("kills") {
		a.Kills = b.Kills
	}
	a.Keys = keys
	return a
}

func (c *compilation) expectation(vm string, s *syntax.Expectation) *Expectation {
	e := &Expectation{}
	for key, pos := range s.Keys {
		c.positions[vm+"."+key] = pos
	}
	e.Ready = c.history(vm, "ready", s.Ready, s.Keys)
	e.Endpoints = c.history(vm, "endpoints", s.Endpoints, s.Keys)
	if s.Live != nil {
		c.needs(vm, "live", probes.Liveness, len(*s.Live) > 0, s.Keys["live"])
		live := []LiveFailure{}
		for _, i := range *s.Live {
			if w, ok := c.window(vm, UseLiveness, &i.When); ok {
				live = append(live, LiveFailure{int32(i.Failed.N), w})
			}
		}
		e.Live = &live
	}
	e.Restarts = c.restarts(vm, s)
	e.Phase = c.phases(vm, s)
	if s.Kills != nil {
		kills := []KillStep{}
		for _, i := range *s.Kills {
			if w, ok := c.window(vm, UseLiveness, &i.When); ok {
				kills = append(kills, KillStep{i.With.S, w})
			}
		}
		e.Kills = &kills
	}
	c.runs(vm, s, e)
	for _, i := range s.Events {
		if c.applies(i.Profiles) {
			low, high := limits(i.Bounds)
			e.Events = append(e.Events, EventCount{i.Reason.S, i.Contains.S, low, high, i.Pos})
			c.exclusiveBounds(i.Bounds)
		}
	}
	for _, name := range sortedNames(s.Requests) {
		c.requests(vm, name, s, e)
	}
	return e
}

func (c *compilation) requests(vm, name string, s *syntax.Expectation, e *Expectation) {
	b := s.Requests[name]
	pos := s.Keys["requests."+name]
	if _, ok := c.endpoints[vm+" "+name]; !ok {
		var known []string
		for key := range c.endpoints {
			if v, k, _ := strings.Cut(key, " "); v == vm {
				known = append(known, k)
			}
		}
		c.list.Add(diag.UnknownVM, pos, diag.DidYouMean(name, known), "the guest %q scripts no %q", vm, name)
		return
	}
	c.exclusiveBounds(b)
	low, high := limits(b)
	e.Requests = append(e.Requests, RequestCount{name, low, high, pos})
}

// limits of a count; max < 0: none. Nothing given: at least one.
func limits(b syntax.Bounds) (low, high int) {
	switch {
	case b.Count.Set:
		return int(b.Count.N), int(b.Count.N)
	case !b.Min.Set && !b.Max.Set:
		return 1, -1
	case !b.Max.Set:
		return int(b.Min.N), -1
	}
	return int(b.Min.N), int(b.Max.N)
}

func (c *compilation) exclusiveBounds(b syntax.Bounds) {
	switch {
	case b.Count.Set && (b.Min.Set || b.Max.Set):
		c.list.Add(diag.Conflict, b.Pos, "", `"count" excludes "min" and "max"`)
	case b.Min.Set && b.Max.Set && b.Min.N > b.Max.N:
		c.list.Add(diag.EmptyWindow, b.Pos, "", "min %d is greater than max %d", b.Min.N, b.Max.N)
	}
}

// needs: an expectation about a probe that the VM does not have is a mistake,
// except that something never happens.
func (c *compilation) needs(vm, key string, kind probes.Kind, happens bool, pos Pos) {
	if happens && c.c.VM(vm).Probe(kind) == nil && len(c.c.Rejected) == 0 {
		c.list.Add(diag.NoSuchProbe, pos, "", "%q of %q expects something of a %s probe, which it does not have in profile %s", key, vm, kind, c.c.Profile.Name)
	}
}

func (c *compilation) history(vm, key string, list []syntax.HistoryItem, keys map[string]Pos) *History {
	pos, given := keys[key]
	if !given {
		return nil
	}
	if len(list) == 0 || list[0].Initial == nil {
		c.list.Add(diag.Conflict, pos, "write [false, {to: true, in: [...]}]", "%q begins with the first value, true or false", key)
		return nil
	}
	h := &History{Initial: *list[0].Initial, Pos: pos}
	value := h.Initial
	for _, i := range list[1:] {
		if i.Change == nil {
			c.list.Add(diag.Conflict, i.Pos, "write {to: true, in: [...]}", "only the first item of %q is a plain value", key)
			continue
		}
		if !c.applies(i.Change.Profiles) {
			continue
		}
		w, ok := c.window(vm, UseReadiness, &i.Change.When)
		if !ok {
			continue
		}
		if i.Change.To == value {
			c.list.Add(diag.Conflict, i.Change.Pos, "", "%q is already %v before this change in profile %s", key, value, c.c.Profile.Name)
		}
		value = i.Change.To
		h.Changes = append(h.Changes, Change{i.Change.To, w})
	}
	return h
}

func (c *compilation) restarts(vm string, s *syntax.Expectation) *Restarts {
	if s.Restarts == nil {
		return nil
	}
	r := &Restarts{More: s.Restarts.More}
	for i := range s.Restarts.Windows {
		if w, ok := c.window(vm, UseLiveness, &s.Restarts.Windows[i]); ok {
			r.Windows = append(r.Windows, w)
		}
	}
	return r
}

func (c *compilation) phases(vm string, s *syntax.Expectation) *[]PhaseChange {
	if _, ok := s.Keys["phase"]; !ok {
		return nil
	}
	out := []PhaseChange{}
	for i, p := range s.Phase {
		if p.When == nil {
			if i > 0 {
				c.list.Add(diag.Conflict, p.Pos, "write {to: Succeeded, in: [...]}", `only the first item of "phase" is a plain value`)
			}
			out = append(out, PhaseChange{To: p.To.S})
			continue
		}
		if w, ok := c.window(vm, UseLiveness, p.When); ok {
			out = append(out, PhaseChange{To: p.To.S, HasWin: true, Window: w})
		}
	}
	return &out
}

// runs converts attempts and tries.
func (c *compilation) runs(vm string, s *syntax.Expectation, e *Expectation) {
	for _, name := range sortedNames(s.Attempts) {
		if kind, ok := c.kind(vm, "attempts", name, s.Keys); ok {
			if e.Attempts == nil {
				e.Attempts = map[probes.Kind][]ClassRun{}
			}
			for _, r := range s.Attempts[name] {
				e.Attempts[kind] = append(e.Attempts[kind], ClassRun{r.Class, r.Times})
			}
		}
	}
	for _, name := range sortedNames(s.Tries) {
		if kind, ok := c.kind(vm, "tries", name, s.Keys); ok {
			if e.Tries == nil {
				e.Tries = map[probes.Kind][]CountRun{}
			}
			for _, r := range s.Tries[name] {
				e.Tries[kind] = append(e.Tries[kind], CountRun{int32(r.N), r.Times})
			}
		}
	}
}

func (c *compilation) kind(vm, key, name string, keys map[string]Pos) (probes.Kind, bool) {
	pos := keys[key+"."+name]
	kind, ok := kindNamed(name)
	if !ok {
		c.list.Add(diag.UnknownName, pos, diag.DidYouMean(name, []string{"readiness", "liveness", "startup"}), "unknown kind of probe %q", name)
		return 0, false
	}
	c.needs(vm, key, kind, true, pos)
	return kind, true
}

// window converts {in, after}; ok is false when it does not count in this
// profile or is wrong.
func (c *compilation) window(vm string, use Use, s *syntax.When) (Window, bool) {
	if !c.applies(s.Profiles) {
		return Window{}, false
	}
	w := Window{Pos: s.Pos}
	hasAfter := s.After.Pos.Line > 0
	if (len(s.In) == 2) == hasAfter {
		c.list.Add(diag.Conflict, s.Pos, "", `needs exactly one of "in: [from, to]" and "after: instant"`)
		return w, false
	}
	names := c.c.Names(vm, use, nil).(*scope)
	if hasAfter {
		f, ok := c.formula(s.After)
		w.After = f
		ok = ok && names.check(f, true, c.list)
		if ok {
			w.fix(c.c, vm, use)
		}
		return w, ok
	}
	lo, okLo := c.formula(s.In[0])
	hi, okHi := c.formula(s.In[1])
	w.Lo, w.Hi = lo, hi
	okLo = okLo && names.check(lo, true, c.list)
	okHi = okHi && names.check(hi, true, c.list)
	if !okLo || !okHi {
		return w, false
	}
	from, errLo := lo.Instant(names)
	to, errHi := hi.Instant(names)
	if errLo == nil && errHi == nil && from > to {
		c.list.Add(diag.EmptyWindow, s.Pos, "", "the window is empty in profile %s: %s is after %s", c.c.Profile.Name, from, to)
	}
	if errLo == nil && c.c.Until > 0 && from > c.c.Until {
		c.list.Add(diag.AfterUntil, s.Pos, "", "the window begins at %s, after the end of the run at %s", from, c.c.Until)
	}
	w.fix(c.c, vm, use)
	return w, true
}

// checkLet proves that a let means something for at least one VM and use.
func (c *compilation) checkLet(l Let) {
	var first diag.List
	for i := range c.c.VMs {
		for _, use := range []Use{UseReadiness, UseLiveness, UseOnly} {
			var list diag.List
			if c.c.Names(c.c.VMs[i].Name, use, nil).(*scope).check(l.Expr, false, &list) {
				return
			}
			if first == nil {
				first = list
			}
		}
	}
	*c.list = append(*c.list, first...)
}
