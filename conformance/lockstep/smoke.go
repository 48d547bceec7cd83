package lockstep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// Smoke says the least that can be said to a new adapter (hello, open, a
// container starts, an answer, close) and writes what became of each message.
// The error is that of the first one which went wrong; it has been written
// with its fix.
func Smoke(ctx context.Context, cfg Config, w io.Writer) error {
	stream, err := cfg.Start(ctx)
	if err != nil {
		return err
	}
	s := &smoke{p: &peer{stream: stream}, w: w, tool: cfg.Tool, nonce: cfg.Nonce}
	err = s.run()
	if s.out != nil {
		err = errors.Join(err, s.out)
	}
	closed := stream.Close()
	if err == nil {
		err = closed
	}
	return err
}

// smoke is one such conversation.
type smoke struct {
	p    *peer
	w    io.Writer
	tool string
	// nonce is what the canaries are drawn from.
	nonce string
	out   error // of writing
}

func (s *smoke) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil && s.out == nil {
		s.out = err
	}
}

// say sends a message; wrong looks at the reply beyond the protocol.
func (s *smoke) say(r *protocol.Request, what string, look func(*protocol.Reply) (string, *protocol.Violation)) error {
	reply, err := s.p.Call(r)
	seen := ""
	if err == nil {
		var v *protocol.Violation
		if seen, v = look(reply); v != nil {
			v.Seq, err = r.Seq, v
		}
	}
	if err == nil {
		s.printf("%d %-6s ok    %s: %s\n", r.Seq, r.Op, what, seen)
		return nil
	}
	s.printf("%d %-6s WRONG %s\n", r.Seq, r.Op, what)
	s.printf("    sent     %s", s.p.line)
	if len(s.p.received) > 0 {
		s.printf("    received %s\n", clip(s.p.received))
	}
	err = s.p.explain(err)
	s.printf("    %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	return err
}

// clip keeps a line readable.
func clip(line []byte) string {
	const most = 400
	if len(line) > most {
		return string(line[:most]) + "..."
	}
	return string(line)
}

func (s *smoke) run() error {
	var g *protocol.Reply
	err := s.say(&protocol.Request{
		Op: protocol.Hello, Protocol: protocol.Version, Suite: "vmprobe " + s.tool,
		Offered: protocol.Offer(s.nonce),
	}, "who are you", func(r *protocol.Reply) (string, *protocol.Violation) {
		g = r
		name := strings.TrimSpace(r.Implementation.Name + " " + r.Implementation.Version)
		return name + " claims " + strings.Join(r.Features, ", "), nil
	})
	if err != nil {
		return err
	}
	open, handler := smokeCase(g)
	err = s.say(open, "one VM with a readiness probe by "+handler, func(r *protocol.Reply) (string, *protocol.Violation) {
		return "opened", nil
	})
	if err != nil {
		return err
	}
	if err := s.probe(); err != nil {
		return err
	}
	return s.say(&protocol.Request{Op: protocol.Close}, "the case is over", func(*protocol.Reply) (string, *protocol.Violation) {
		return "closed", nil
	})
}

// smokeCase is a case with the first handler that is claimed.
func smokeCase(g *protocol.Reply) (*protocol.Request, string) {
	profile := "kubevirt"
	if len(g.Profiles) > 0 {
		profile = g.Profiles[0]
	}
	handler, probe := "tcpSocket", `"tcpSocket":{"port":8080}`
	switch {
	case slices.Contains(g.Features, protocol.HTTPProbes):
		handler, probe = "httpGet", `"httpGet":{"port":8080,"path":"/ready"}`
	case slices.Contains(g.Features, protocol.TCPProbes):
	case slices.Contains(g.Features, protocol.AgentPing):
		handler, probe = "guestAgentPing", `"guestAgentPing":{}`
	case slices.Contains(g.Features, protocol.ExecProbes):
		handler, probe = "exec", `"exec":{"command":["true"]}`
	}
	written := `{` + probe + `,"periodSeconds":10}`
	probe = `"readinessProbe":` + written
	object := `{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance","metadata":{"name":"web"},"spec":{"domain":{"devices":{}},` + probe + `}}`
	if profile == "kubernetes" {
		object = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"web","image":"web",` + probe + `}]}}`
	}
	return &protocol.Request{
		Op: protocol.Open, Case: "smoke@" + profile, Profile: profile, Seed: 1, ProberAgeNs: int64(time.Hour),
		VMs: []protocol.VM{{
			Name: "web", Namespace: "default", Manifest: json.RawMessage(object),
			Probes: protocol.Probes{Readiness: json.RawMessage(written)},
		}},
	}, handler
}

// patient is how many times a prober may ask to be woken before it tries.
const patient = 100

// probe starts the container, wakes the prober until it tries, and answers.
func (s *smoke) probe() error {
	var try *protocol.Action
	var wake *int64
	look := func(r *protocol.Reply) (string, *protocol.Violation) {
		wake = r.WakeAtNs
		var seen []string
		for i := range r.Do {
			a := &r.Do[i]
			seen = append(seen, string(a.Do))
			if a.HTTP != nil || a.TCP != nil || a.Agent != nil || a.Domain != nil || a.Exec != nil {
				try = a
			}
		}
		if try == nil && wake == nil {
			return "", &protocol.Violation{
				Field: "wakeAtNs", What: "the prober neither tries nor asks to be woken: it would sleep for ever",
				Fix: `answer "wakeAtNs" with the instant of the first attempt`,
			}
		}
		if wake != nil {
			seen = append(seen, "wake me at "+time.Duration(*wake).String())
		}
		return strings.Join(seen, ", "), nil
	}
	started := protocol.Event{Event: protocol.ContainerStarted, VM: "web", Instance: 1, Pod: 1, Address: "10.244.0.2"}
	r := &protocol.Request{Op: protocol.Step, Events: []protocol.Event{started}}
	err := s.say(r, "the container starts", look)
	for range patient {
		if err != nil || try != nil {
			break
		}
		r = &protocol.Request{Op: protocol.Step, NowNs: *wake}
		err = s.say(r, "wake up", look)
	}
	switch {
	case err != nil:
		return err
	case try == nil:
		v := &protocol.Violation{Seq: r.Seq, Field: "do", What: "the prober never tries", Fix: `begin an attempt with "do":"try" and http, tcp, agent or exec`}
		s.printf("    %s\n", v)
		return s.p.explain(v)
	}
	return s.answer(try, r.NowNs)
}

// answer answers a try, and wants its result.
func (s *smoke) answer(a *protocol.Action, now int64) error {
	e := protocol.Event{Event: protocol.Answer, ID: a.ID}
	switch {
	case a.HTTP != nil:
		e.Connect = protocol.OK
		e.HTTP = &protocol.HTTPAnswer{Head: protocol.OK, Status: 200, Proto: "HTTP/1.1", Headers: [][2]string{{"Content-Length", "0"}}, Body: protocol.OK}
	case a.TCP != nil:
		e.Connect = protocol.OK
	case a.Exec != nil:
		e.Exec = &protocol.ExecAnswer{Outcome: protocol.OK}
	default:
		e.Domain = &protocol.DomainAnswer{Exists: true, Active: true, State: "running"}
		if a.Agent != nil {
			e.Agent = &protocol.AgentAnswer{Text: `{"return": {}}`}
		}
	}
	r := &protocol.Request{Op: protocol.Step, NowNs: now + int64(time.Millisecond), Events: []protocol.Event{e}}
	return s.say(r, "it answers", func(r *protocol.Reply) (string, *protocol.Violation) {
		var seen []string
		for i := range r.Do {
			if d := &r.Do[i]; d.Do == protocol.Result && d.ID == a.ID || d.Do == protocol.Ask && d.ID == a.ID {
				seen = append(seen, strings.TrimSpace(string(d.Do)+" "+d.Class))
			} else {
				seen = append(seen, string(d.Do))
			}
		}
		if !slices.ContainsFunc(r.Do, func(d protocol.Action) bool { return d.ID == a.ID }) {
			return "", &protocol.Violation{
				Field: "do", What: fmt.Sprintf("try %d got its answer, and the prober says nothing of it", a.ID),
				Fix: fmt.Sprintf(`add {"do":"result","id":%d,"class":"success"}`, a.ID),
			}
		}
		return strings.Join(seen, ", "), nil
	})
}
