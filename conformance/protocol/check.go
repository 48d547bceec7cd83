package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// classes, kinds and profiles are the words of results, probes and dialects.
//
//nolint:gochecknoglobals // constants
var (
	classes = []string{
		probes.Success.String(), probes.Warning.String(), probes.Failure.String(), probes.Errored.String(),
	}
	kinds = []string{probes.Readiness.String(), probes.Liveness.String(), probes.Startup.String()}
	verbs = []string{
		string(Try), string(Ask), string(Result), string(Cancel),
		string(Ready), string(Live), string(Started), string(LiveFailed), string(TellEvent),
	}
	happenings = []string{
		string(ContainerStarted), string(ContainerStopped), string(Terminating), string(Sync), string(Answer),
		string(ProberRestarted), string(ClockStepped), string(Panic),
	}
)

func profiles() []string {
	var names []string
	for _, p := range probes.ProfileNames() {
		names = append(names, string(p))
	}
	return names
}

// KindOf is the kind of probe that a word names; the word must be valid.
func KindOf(word string) probes.Kind { return probes.Kind(max(slices.Index(kinds, word), 0)) }

// ClassOf is the class that a word names; the word must be valid.
func ClassOf(word string) probes.Class {
	return probes.Class(slices.Index(classes, word) + 1)
}

// check holds a reply to the operation that it answers.
func (r *Reply) check(c *checker, to *Request) {
	if to.Op != Hello {
		for _, f := range []struct {
			name  string
			given bool
		}{
			{"protocol", r.Protocol != 0},
			{"implementation", r.Implementation != nil},
			{"features", r.Features != nil},
			{"profiles", r.Profiles != nil},
			{"concurrent", r.Concurrent != 0},
		} {
			if f.given {
				c.fail(f.name, "leave it out", "it belongs to the answer to hello, not to %s", to.Op)
			}
		}
	}
	if to.Run > 0 {
		if len(r.Do) > 0 {
			c.fail("do", fmt.Sprintf(`write {"run":%d,"do":[...]} on a line of its own`, to.Run), "behind the sockets door an answer is its seq alone")
		}
		if r.WakeAtNs != nil {
			c.fail("wakeAtNs", "keep the time yourself", "behind the sockets door nobody is woken")
		}
		return
	}
	if to.Op != Step && to.Op != Open {
		if len(r.Do) > 0 {
			c.fail("do", "wait for a step", "there is nothing to do at %s", to.Op)
		}
		if r.WakeAtNs != nil {
			c.fail("wakeAtNs", "wait for a step", "no time passes after %s", to.Op)
		}
	}
	switch to.Op {
	case Hello:
		r.checkHello(c, to)
	case Open, Step:
		for i := range r.Do {
			c.list, c.index = "do", i
			r.Do[i].check(c)
		}
		c.list = ""
		if r.WakeAtNs != nil && *r.WakeAtNs < to.NowNs {
			c.fail("wakeAtNs", "ask for an instant from now on", "%d is before now, %d", *r.WakeAtNs, to.NowNs)
		}
	case Close:
	}
}

func (r *Reply) checkHello(c *checker, to *Request) {
	if r.Protocol != to.Protocol {
		c.fail("protocol", fmt.Sprintf(`answer "protocol":%d`, to.Protocol), "the prober speaks version %d, the suite version %d", r.Protocol, to.Protocol)
	}
	if r.Implementation == nil || r.Implementation.Name == "" {
		c.fail("implementation.name", `answer "implementation":{"name":"my-prober","version":"1.0"}`, "the prober has no name")
	}
	if len(r.Features) == 0 {
		c.fail("features", "claim some of those that hello offers", "the prober claims nothing")
	}
	canaries := Canaries(to.Offered)
	for i, f := range r.Features {
		field := fmt.Sprintf("features[%d]", i)
		switch {
		case slices.Contains(canaries, f):
			c.fail(field, "claim only what the prober can do, by its name", "%q is a canary, which nobody has", f)
		case !slices.Contains(to.Offered, f):
			known := slices.DeleteFunc(slices.Clone(to.Offered), func(f string) bool { return slices.Contains(canaries, f) })
			c.fail(field, diag.DidYouMean(f, known), "%q was not offered", f)
		}
	}
	switch {
	case to.Door != Sockets && r.Concurrent != 0:
		c.fail("concurrent", "leave it out", "behind the lockstep door a prober has one case at a time")
	case r.Concurrent < 0 || r.Concurrent > MaxConcurrent:
		c.fail("concurrent", fmt.Sprintf("give a number from 1 to %d", MaxConcurrent), "%d cases at a time", r.Concurrent)
	}
	for i, p := range r.Profiles {
		c.oneOf(fmt.Sprintf("profiles[%d]", i), p, profiles()...)
	}
}

func (a *Action) check(c *checker) {
	c.oneOf("do", string(a.Do), verbs...)
	switch a.Do {
	case Try, Ask, Result, Cancel:
		c.positive("id", a.ID)
	case Ready, Live, Started:
		c.state(a)
	case TellEvent:
		c.given("reason", a.Reason)
	case LiveFailed:
		if a.Probe != "" {
			c.oneOf("probe", a.Probe, kinds[1:]...)
		}
	}
	switch a.Do {
	case Try, Ready, Live, Started, LiveFailed, TellEvent:
		c.given("vm", a.VM)
		c.positive("instance", int64(a.Instance))
	case Result:
		c.oneOf("class", a.Class, classes...)
	case Ask, Cancel:
	}
	if a.Do == Try {
		c.oneOf("probe", a.Probe, kinds...)
	}
	a.checkExchange(c)
}

// checkExchange looks at what is asked for.
func (a *Action) checkExchange(c *checker) {
	n := len(a.exchanges())
	switch {
	case n > 0 && a.Do != Try && a.Do != Ask:
		c.fail("do", `"do":"try" or "do":"ask" asks for an exchange`, "%q asks for none", a.Do)
	case n > 1:
		c.fail("http", "ask for one at a time", "%d exchanges in one action", n)
	case n == 0 && a.Do == Ask:
		c.fail("http", "add http, tcp, agent, domain or exec", "it asks for nothing")
	}
	if h := a.HTTP; h != nil {
		h.checkTarget(c)
		c.notNegative("http.timeoutNs", h.TimeoutNs)
		c.notNegative("http.bodyLimitBytes", h.BodyLimitBytes)
		c.notNegative("http.redirectLimitBytes", h.RedirectLimitBytes)
	}
	if t := a.TCP; t != nil {
		c.port("tcp.port", t.Port)
		c.notNegative("tcp.timeoutNs", t.TimeoutNs)
	}
	if g := a.Agent; g != nil {
		c.notNegative("agent.timeoutNs", g.TimeoutNs)
		c.notNegative("agent.limitNs", g.LimitNs)
	}
	if a.Exec != nil {
		a.Exec.check(c)
	}
}

// exchanges lists what is asked for, by field.
func (a *Action) exchanges() (list []string) {
	for _, x := range []struct {
		field string
		given bool
	}{{"http", a.HTTP != nil}, {"tcp", a.TCP != nil}, {"agent", a.Agent != nil}, {"domain", a.Domain != nil}, {"exec", a.Exec != nil}} {
		if x.given {
			list = append(list, x.field)
		}
	}
	return list
}

func (e *ExecRequest) check(c *checker) {
	if len(e.Argv) == 0 {
		c.fail("exec.argv", "name a program", "the command is empty")
	}
	c.notNegative("exec.timeoutNs", e.TimeoutNs)
}

// state wants the state that an action publishes.
func (c *checker) state(a *Action) {
	if a.OK == nil {
		c.fail("ok", `give "ok":true or "ok":false`, "the state is missing")
	}
}

// checkTarget looks at where a request goes: its URL, or the parts of one.
func (h *HTTPRequest) checkTarget(c *checker) {
	if h.URL == "" {
		c.port("http.port", h.Port)
		c.given("http.method", h.Method)
		c.given("http.target", h.Target)
		return
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"http.host", h.Host != ""},
		{"http.port", h.Port != 0},
		{"http.tls", h.TLS},
		{"http.serverName", h.ServerName != ""},
		{"http.target", h.Target != ""},
	} {
		if f.given {
			c.fail(f.name, "leave it out, or give the parts and no http.url", "the URL says it already")
		}
	}
	if _, _, err := parseURL(h.URL); err != nil && !errors.Is(err, errClient) {
		c.fail("http.url", `give an absolute one, as in "http://10.244.0.2:8080/ready"`, "%q is no URL: %v", h.URL, err)
	}
}

func (c *checker) port(field string, n int) {
	if n < 1 || n > 65535 {
		c.fail(field, "give a number from 1 to 65535; a port that cannot be resolved is an error of the prober, not an exchange", "%d is no port", n)
	}
}

// check holds a message of the suite to its operation.
func (r *Request) check(c *checker) {
	c.positive("seq", r.Seq)
	c.oneOf("op", string(r.Op), string(Hello), string(Open), string(Step), string(Close))
	switch r.Op {
	case Hello:
		c.positive("protocol", int64(r.Protocol))
		if r.Door != "" {
			c.oneOf("door", r.Door, Lockstep, Sockets)
		}
	case Open:
		c.given("case", r.Case)
		c.oneOf("profile", r.Profile, profiles()...)
		for i := range r.VMs {
			c.list, c.index = "vms", i
			c.given("name", r.VMs[i].Name)
			if !json.Valid(r.VMs[i].Manifest) {
				c.fail("manifest", "", "it is no JSON")
			}
		}
	case Step:
		c.notNegative("nowNs", r.NowNs)
		for i := range r.Events {
			c.list, c.index = "events", i
			r.Events[i].check(c)
		}
	case Close:
	}
}

func (e *Event) check(c *checker) {
	c.oneOf("event", string(e.Event), happenings...)
	switch e.Event {
	case ContainerStarted, ContainerStopped, Terminating, Sync:
		c.given("vm", e.VM)
		c.positive("instance", int64(e.Instance))
	case Panic:
		c.given("vm", e.VM)
	case Answer:
		c.positive("id", e.ID)
	case ProberRestarted, ClockStepped:
	}
}
