package fakevm

import (
	"fmt"
	"time"
)

// Problem is one thing wrong with a program.
type Problem struct {
	// Path names the place: "endpoints[0].steps[1].replies[0].reply.http.status",
	// with the prefix "everyBoot." for the second program.
	Path string
	Msg  string
}

// Error is "path: message".
func (p Problem) Error() string { return p.Path + ": " + p.Msg }

// Check finds everything that is wrong with a program and its everyBoot part;
// nil means that New will take them.
func Check(program, everyBoot Program) []Problem {
	c := &checker{ports: map[uint16]string{}, names: map[string]string{}}
	c.program("", &program)
	c.program("everyBoot.", &everyBoot)
	if program.ACPI != (ACPI{}) && everyBoot.ACPI != (ACPI{}) {
		c.add("everyBoot.acpi", "is given twice: a guest has one power button")
	}
	c.watchdog(&program, &everyBoot)
	return c.problems
}

type checker struct {
	problems []Problem
	ports    map[uint16]string // who has a port
	names    map[string]string // where an endpoint is defined
}

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (c *checker) program(prefix string, p *Program) {
	for i := range p.Endpoints {
		c.endpoint(fmt.Sprintf("%sendpoints[%d]", prefix, i), &p.Endpoints[i])
	}
	for i := range p.Power {
		c.power(fmt.Sprintf("%spower[%d]", prefix, i), &p.Power[i])
		if s := &p.Power[i]; prefix != "" && s.Do == Reboot && s.At == 0 && s.For == 0 {
			c.add(fmt.Sprintf("%spower[%d].at", prefix, i), "a reboot at the start of every boot never ends")
		}
	}
	for i, f := range p.Freezes {
		path := fmt.Sprintf("%sfreezes[%d]", prefix, i)
		c.duration(path+".at", f.At)
		c.duration(path+".for", f.For)
		if f.For == 0 {
			c.add(path+".for", "is missing")
		}
	}
	c.duration(prefix+"acpi.delay", p.ACPI.Delay)
	if p.ACPI.Ignore && p.ACPI.Delay != 0 {
		c.add(prefix+"acpi.delay", "makes no sense with ignore")
	}
}

// maxDuration keeps sums of durations far from the end of int64.
const maxDuration = 10 * 365 * 24 * time.Hour

func (c *checker) duration(path string, d time.Duration) {
	if d < 0 || d > maxDuration {
		c.add(path, "must be in 0..%s, is %s", maxDuration, d)
	}
}

func (c *checker) power(path string, s *PowerStep) {
	c.duration(path+".at", s.At)
	c.duration(path+".for", s.For)
	switch s.Do {
	case Hang, Reboot, Suspend:
	case Crash, Resume, PowerOff, Starve:
		if s.For != 0 {
			c.add(path+".for", "means nothing for %s", s.Do)
		}
	default:
		c.add(path+".do", "unknown power action %q", s.Do)
	}
}

func (c *checker) endpoint(path string, e *Endpoint) {
	switch e.Kind {
	case HTTP, HTTPS, TCP:
		if e.Port == 0 {
			c.add(path+".port", "is missing")
		} else if other, ok := c.ports[e.Port]; ok {
			c.add(path+".port", "port %d is taken by %s", e.Port, other)
		}
		c.ports[e.Port] = endpointName(e)
	case Agent, Exec:
		if e.Port != 0 {
			c.add(path+".port", "means nothing for %s", e.Kind)
		}
		if other, ok := c.names[endpointName(e)]; ok {
			c.add(path, "%s is given twice, first as %s", e.Kind, other)
		}
	default:
		c.add(path+".kind", "unknown kind %q", e.Kind)
		return
	}
	c.names[endpointName(e)] = path
	for i := range e.Steps {
		s := &e.Steps[i]
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		c.duration(at+".at", s.At)
		if i > 0 && s.At <= e.Steps[i-1].At {
			c.add(at+".at", "%s does not come after %s", s.At, e.Steps[i-1].At)
		}
		c.replies(at, e.Kind, s)
	}
}

func (c *checker) replies(path string, kind EndpointKind, s *Step) {
	if len(s.Replies) == 0 {
		c.add(path+".replies", "is empty")
	}
	for i := range s.Replies {
		r := &s.Replies[i]
		at := fmt.Sprintf("%s.replies[%d]", path, i)
		if r.Times < 0 {
			c.add(at+".times", "must not be negative, is %d", r.Times)
		}
		if r.Times == 0 && i < len(s.Replies)-1 {
			c.add(at+".times", "repeats for ever: what follows is never reached")
		}
		if kind == Agent && r.Reply.agent().Down && (r.Times > 0 || i > 0 && i < len(s.Replies)-1) {
			c.add(at+".reply.agent.down", "a command never reaches an agent that is down: give it a step of its own, or put it last without a count")
		}
		c.reply(at+".reply", kind, &r.Reply)
	}
}

func (c *checker) reply(path string, kind EndpointKind, r *Reply) {
	network := kind == HTTP || kind == HTTPS || kind == TCP
	switch r.Connect {
	case Accept:
	case Refuse, Blackhole, Unaccepted:
		if !network {
			c.add(path+".connect", "means nothing for %s", kind)
		}
	default:
		c.add(path+".connect", "unknown value %q", r.Connect)
	}
	c.duration(path+".connectDelay", r.ConnectDelay)
	if r.ConnectDelay != 0 && (!network || r.Connect == Refuse || r.Connect == Blackhole) {
		c.add(path+".connectDelay", "nothing is accepted that could be delayed")
	}
	for _, x := range []struct {
		name string
		set  bool
		fits bool
	}{
		{"http", r.HTTP != nil, kind == HTTP || kind == HTTPS},
		{"tcp", r.TCP != nil, kind == TCP},
		{"agent", r.Agent != nil, kind == Agent},
		{"exec", r.Exec != nil, kind == Exec},
	} {
		if x.set && !x.fits {
			c.add(path+"."+x.name, "means nothing for %s", kind)
		}
	}
	if r.HTTP != nil {
		c.http(path+".http", r.HTTP)
	}
	if r.TCP != nil {
		c.tcp(path+".tcp", r.TCP)
	}
	if r.Agent != nil {
		c.agent(path+".agent", r.Agent)
	}
	if r.Exec != nil {
		c.exec(path+".exec", r.Exec)
	}
}
