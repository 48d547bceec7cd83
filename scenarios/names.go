package scenarios

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Use says which probe the short names of a formula mean.
type Use uint8

// The uses of formulas.
const (
	UseOnly      Use = iota // the only probe of the VM
	UseReadiness            // ready, endpoints
	UseLiveness             // live, restarts, kills, phase
)

// Moment names something that happens in a run and is counted from 1.
type Moment string

// The moments that formulas may name as "moment#n".
const (
	ReadinessEnd Moment = "readiness"  // end of the n-th attempt of the whole run
	LivenessEnd  Moment = "liveness"   //
	StartupEnd   Moment = "startup"    //
	BootStart    Moment = "boot"       // start of the n-th boot
	Container    Moment = "container"  // start of the n-th container
	LiveFailed   Moment = "liveFailed" // n-th liveness verdict
	TurnedReady  Moment = "ready"      // n-th transition to Ready
	TurnedNot    Moment = "notReady"   // n-th transition to not Ready
)

// Moments lists all moments.
func Moments() []Moment {
	return []Moment{ReadinessEnd, LivenessEnd, StartupEnd, BootStart, Container, LiveFailed, TurnedReady, TurnedNot}
}

// Runtime knows what happened in a run. The judge provides it.
type Runtime interface {
	// Instant of the n-th such moment of a VM; false when it did not happen.
	Instant(vm string, m Moment, n int) (time.Duration, bool)
}

// StaticNames resolves what is known before a run: fields of the manifests,
// steps, faults and events with fixed times, the first boot, lets of those.
func (c *Case) StaticNames(vm string, use Use) Names { return c.Names(vm, use, nil) }

// Names resolves every name of the language for a formula that belongs to an
// expectation on vm. Fields of manifests, named instants and lets come from
// the case, moments from the run; boots of the run place the steps of
// everyBoot.
func (c *Case) Names(vm string, use Use, run Runtime) Names {
	return &scope{c: c, vm: vm, use: use, run: run}
}

// instant is a named point of a case. For a step of everyBoot the times
// count from each boot of the VM.
type instant struct {
	at, end   time.Duration
	hasEnd    bool
	everyBoot string // VM, or empty
}

// eachInstant visits all "as" names; of two that are the same the later counts.
func (c *Case) eachInstant(visit func(name string, i instant)) {
	add := func(name string, i instant) {
		if name != "" {
			visit(name, i)
		}
	}
	for i := range c.VMs {
		vm := &c.VMs[i]
		eachNamed(&vm.Program, func(name string, at, end time.Duration, hasEnd bool) {
			visit(name, instant{at, end, hasEnd, ""})
		})
		eachNamed(&vm.EveryBoot, func(name string, at, end time.Duration, hasEnd bool) {
			visit(name, instant{at, end, hasEnd, vm.Name})
		})
	}
	for _, f := range c.Faults {
		add(f.As, instant{at: f.At, end: f.At + f.For, hasEnd: f.For >= 0})
	}
	for _, e := range c.Events {
		add(e.As, instant{at: e.At, end: e.At + e.For, hasEnd: e.For > 0})
	}
}

// instant finds an "as" name.
func (c *Case) instant(name string) (i instant, ok bool) {
	c.eachInstant(func(other string, found instant) {
		if other == name {
			i, ok = found, true
		}
	})
	return i, ok
}

// scope is where a formula stands.
type scope struct {
	c    *Case
	vm   string
	use  Use
	run  Runtime
	lets map[string]found // computed already
}

// found says what a name is.
type found struct {
	value    Value
	known    bool // the name means something here
	valued   bool // and has a value
	duration bool // its dimension; valid when known
	why      string
}

func count(n int64) found          { return found{Value{N: n}, true, true, false, ""} }
func length(d time.Duration) found { return found{Value{int64(d), true}, true, true, true, ""} }
func unknown(why string) found     { return found{why: why} }
func notYet() found                { return found{known: true, duration: true} }
func maybe(d time.Duration, ok bool) found {
	if !ok {
		return notYet()
	}
	return length(d)
}

// Lookup implements Names.
func (s *scope) Lookup(name string) (Value, bool) {
	f := s.find(name)
	return f.value, f.valued
}

func (s *scope) find(name string) found {
	if base, number, ok := strings.Cut(name, "#"); ok {
		return s.numbered(base, number)
	}
	for i := range s.c.Let {
		if l := &s.c.Let[i]; l.Name == name {
			return s.let(l)
		}
	}
	if i, ok := s.c.instant(name); ok {
		if i.everyBoot != "" {
			return unknown("write " + name + "#1, the times count from each boot")
		}
		return length(i.at)
	}
	if base, ok := strings.CutSuffix(name, ".end"); ok {
		if i, ok := s.c.instant(base); ok {
			return i.ending(base)
		}
	}
	return s.field(name)
}

func (i instant) ending(name string) found {
	switch {
	case i.everyBoot != "":
		return unknown("write " + name + "#1.end, the times count from each boot")
	case !i.hasEnd:
		return unknown(name + " has no end before the end of the run")
	}
	return length(i.end)
}

func (s *scope) let(l *Let) found {
	if f, ok := s.lets[l.Name]; ok {
		return f
	}
	if s.lets == nil {
		s.lets = map[string]found{}
	}
	s.lets[l.Name] = unknown("it refers to itself")
	duration, _ := s.dimension(l.Expr.root)
	v, err := l.Expr.Eval(s)
	f := found{value: v, known: true, valued: err == nil, duration: duration}
	s.lets[l.Name] = f
	return f
}

// numbered resolves NAME#n, NAME#n.end and moment#n, the latter also as
// vm.moment#n.
func (s *scope) numbered(base, number string) found {
	number, isEnd := strings.CutSuffix(number, ".end")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return unknown("numbers count from 1")
	}
	vm := s.vm
	if prefix, rest, ok := strings.Cut(base, "."); ok {
		name := s.vmNamed(prefix)
		if name == "" {
			return unknown("")
		}
		vm, base = name, rest
	}
	if i, ok := s.c.instant(base); ok {
		if i.everyBoot == "" {
			return unknown("it is not a step of everyBoot: write " + base)
		}
		at := i.at
		if isEnd {
			if !i.hasEnd {
				return unknown(base + " has no end")
			}
			at = i.end
		}
		boot, ok := s.moment(i.everyBoot, BootStart, n)
		return maybe(boot+at, ok)
	}
	if isEnd || !slices.Contains(Moments(), Moment(base)) {
		return unknown("")
	}
	if why := s.noSuchMoment(vm, Moment(base)); why != "" {
		return unknown(why)
	}
	return maybe(s.moment(vm, Moment(base), n))
}

func (s *scope) noSuchMoment(vm string, m Moment) string {
	kind := map[Moment]probes.Kind{ReadinessEnd: probes.Readiness, LivenessEnd: probes.Liveness, LiveFailed: probes.Liveness, StartupEnd: probes.Startup}
	k, ok := kind[m]
	if v := s.c.VM(vm); ok && v != nil && v.Probe(k) == nil {
		return vm + " has no " + k.String() + " probe"
	}
	return ""
}

func (s *scope) moment(vm string, m Moment, n int) (time.Duration, bool) {
	if s.run != nil {
		return s.run.Instant(vm, m, n)
	}
	v := s.c.VM(vm)
	switch {
	case n != 1 || v == nil:
	case m == Container:
		return 0, true
	case m == BootStart:
		return v.DomainDelay, true
	}
	return 0, false
}
