package scenarios

import (
	"net"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// choice is one of the keys that say what a fault or event is.
type choice struct {
	kind  string
	given bool
	vm    syntax.Text
}

// shortestEvery is the least distance of repeated triggers: what is more often
// than any pod sync only costs the time of whoever waits for the run.
const shortestEvery = time.Millisecond

func chosen(kind string, vm syntax.Text) choice { return choice{kind, vm.Pos.Line > 0, vm} }

// one picks the key that is given and tells when there is not exactly one.
func (c *compilation) one(what string, pos Pos, choices []choice) (choice, bool) {
	var got choice
	n := 0
	var names []string
	for _, o := range choices {
		names = append(names, o.kind)
		if o.given {
			got = o
			n++
		}
	}
	if n == 1 {
		return got, got.vm.Pos.Line == 0 || c.vm(got.vm)
	}
	help := diag.DidYouMean("", names)
	c.list.Add(diag.Conflict, pos, help, "%s needs exactly one key that says what it is, found %d", what, n)
	return got, false
}

func (c *compilation) faults() {
	for i := range c.spec.Faults {
		s := &c.spec.Faults[i]
		if !c.applies(s.Profiles) {
			continue
		}
		got, ok := c.one("a fault", s.Pos, []choice{
			{string(Partition), s.Partition != nil, syntax.Text{}},
			chosen(string(RefuseAll), s.Refuse),
			chosen(string(ResetAll), s.Reset), chosen(string(Delay), s.Delay), chosen(string(Loss), s.Loss),
			chosen(string(HalfOpen), s.HalfOpen), chosen(string(Bandwidth), s.Bandwidth), chosen(string(CloseFails), s.CloseFails),
			chosen(string(HideDomain), s.HideDomain), chosen(string(AgentLock), s.AgentLock),
			chosen(string(AgentCode), s.AgentCode),
		})
		if !ok {
			continue
		}
		f := Fault{
			At: s.At.D, For: -1, As: s.As.S, Kind: FaultKind(got.kind), Sides: []string{got.vm.S},
			By: s.By.D, Percent: int(s.Percent.N), BytesPerSecond: s.BytesPerSecond.N, Code: s.Code.S,
		}
		if s.For.Set {
			f.For = s.For.D
		}
		if f.Kind == Partition {
			f.Sides = c.sides(s)
		}
		c.parameter(s.Pos, got.kind, "by", s.By.Set, f.Kind == Delay)
		c.parameter(s.Pos, got.kind, "percent", s.Percent.Set, f.Kind == Loss)
		c.parameter(s.Pos, got.kind, "bytesPerSecond", s.BytesPerSecond.Set, f.Kind == Bandwidth)
		c.parameter(s.Pos, got.kind, "code", s.Code.S != "", f.Kind == AgentCode)
		c.c.Faults = append(c.c.Faults, f)
		c.faultPos = append(c.faultPos, s.Pos)
	}
}

// parameter: a key belongs to one kind, which needs it.
func (c *compilation) parameter(pos Pos, kind, key string, given, wanted bool) {
	switch {
	case given && !wanted:
		c.list.Add(diag.Conflict, pos, "", "%q means nothing for %s", key, kind)
	case !given && wanted:
		c.list.Add(diag.Conflict, pos, "", "%s needs %q", kind, key)
	}
}

// prober reads what is said of the prober's process.
func (c *compilation) prober() {
	c.c.ProberAge = OldProber
	p := c.spec.Prober
	if p == nil {
		return
	}
	if p.Age.Set {
		c.c.ProberAge = p.Age.D
	}
	if p.Proxy.S == "" {
		return
	}
	host, port, err := net.SplitHostPort(p.Proxy.S)
	number, bad := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || bad != nil || host == "" || number == 0:
		c.list.Add(diag.UnknownValue, p.Proxy.Pos, "write proxy: \"proxy.example:3128\"", "%q is no host and port", p.Proxy.S)
	case host == "prober" || c.c.VM(host) != nil:
		c.list.Add(diag.Conflict, p.Proxy.Pos, "", "the proxy is a host of its own, and %q is none", host)
	}
	c.c.Proxy = p.Proxy.S
}

func (c *compilation) sides(s *syntax.Fault) []string {
	if len(s.Partition) != 2 {
		c.list.Add(diag.Conflict, s.Pos, "write partition: [prober, VM]", "a partition has two sides, found %d", len(s.Partition))
	}
	var out []string
	for _, side := range s.Partition {
		if side.S != "prober" && c.c.VM(side.S) == nil {
			c.list.Add(diag.UnknownVM, side.Pos, diag.DidYouMean(side.S, append(c.vmNames(), "prober")), "no side is named %q", side.S)
		}
		out = append(out, side.S)
	}
	if len(out) == 2 && out[0] == out[1] {
		c.list.Add(diag.Conflict, s.Pos, "", "both sides of the partition are %q", out[0])
	}
	return out
}

func (c *compilation) events() {
	for i := range c.spec.Events {
		s := &c.spec.Events[i]
		if !c.applies(s.Profiles) {
			continue
		}
		got, ok := c.one("an event", s.Pos, []choice{
			chosen(string(PauseVM), s.Pause), chosen(string(UnpauseVM), s.Unpause), chosen(string(SuspendIO), s.SuspendIO),
			chosen(string(Snapshot), s.Snapshot), chosen(string(Migrate), s.Migrate), chosen(string(DeleteVMI), s.Delete),
			chosen(string(Annotate), s.Annotate), chosen(string(TriggerSync), s.Trigger),
			{string(RestartProber), s.RestartProber, syntax.Text{}},
			{string(StepClock), s.StepClock.Set, syntax.Text{}},
			chosen(string(StopContainer), s.StopContainer), chosen(string(PanicAttempt), s.Panic),
		})
		if !ok {
			continue
		}
		e := Event{
			At: s.At.D, For: s.For.D, Every: s.Every.D, As: s.As.S, Kind: EventKind(got.kind), VM: got.vm.S,
			By: s.StepClock.D, Result: s.Result.S,
		}
		if s.Value != nil {
			e.Value = s.Value.S
		}
		if e.Kind == Migrate && e.Result == "" {
			e.Result = "succeeded"
		}
		lasts := e.Kind == SuspendIO || e.Kind == Snapshot || e.Kind == Migrate
		c.parameter(s.Pos, got.kind, "for", s.For.Set, lasts || e.Kind == TriggerSync && s.Every.Set)
		if s.Every.Set {
			c.parameter(s.Pos, got.kind, "every", true, e.Kind == TriggerSync)
			if s.Every.D < shortestEvery {
				c.list.Add(diag.OutOfRange, s.Every.Pos, "write 1ms or more", "triggers every %s take for ever to run", s.Every.D)
			}
		}
		c.parameter(s.Pos, got.kind, "value", s.Value != nil, e.Kind == Annotate)
		if s.Result.S != "" {
			c.parameter(s.Pos, got.kind, "result", true, e.Kind == Migrate)
		}
		c.c.Events = append(c.c.Events, e)
		c.eventPos = append(c.eventPos, s.Pos)
	}
}
