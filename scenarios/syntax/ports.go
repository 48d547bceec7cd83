package syntax

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// AddressPattern is the shape of a host, or an address in brackets, with a port
// from 1 to 65535.
const AddressPattern = `^(\[[^\[\]]+\]|[^:\[\]]+):0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`

// PortPattern is the shape of the keys of ports.
const PortPattern = `^(http|https|tcp)/[0-9]+$`

// decodeKey takes "http/8080", "https/8443" and "tcp/22".
func (b *Boot) decodeKey(d *decoder, key, value *yaml.Node) bool {
	kind, number, ok := strings.Cut(key.Value, "/")
	if !ok {
		return false
	}
	kinds := []string{"http", "https", "tcp"}
	if !slices.Contains(kinds, kind) {
		d.fail(diag.UnknownField, key, diag.DidYouMean(kind, kinds), "unknown endpoint %q", key.Value)
		return true
	}
	port, err := strconv.Atoi(number)
	if err != nil || strings.Trim(number, "0123456789") != "" {
		d.fail(diag.UnknownField, key, "write the number of the port", "unknown endpoint %q", key.Value)
		return true
	}
	if port < 1 || port > 65535 {
		d.fail(diag.BadPort, key, "", "port %d is out of range: 1 to 65535", port)
		return true
	}
	e := Endpoint{Kind: fakevm.EndpointKind(kind), Port: uint16(port), Pos: d.pos(key)}
	if kind == "tcp" {
		e.Steps = steps(d, value, (*TCPStep).step)
	} else {
		e.Steps = steps(d, value, (*HTTPStep).step)
	}
	for _, other := range b.Ports {
		if other.Port == e.Port {
			d.fail(diag.Conflict, key, "", "port %d is already given in line %d", port, other.Pos.Line)
		}
	}
	b.Ports = append(b.Ports, e)
	return true
}

// decodeKey of a guest: the ports of its Boot. (An embedded method would be
// found too, but not for a *Guest that is reached by reflection.)
func (g *Guest) decodeKey(d *decoder, key, value *yaml.Node) bool {
	return g.Boot.decodeKey(d, key, value)
}

func steps[S any](d *decoder, n *yaml.Node, convert func(*S, *decoder) Step) []Step {
	var list []S
	d.value(n, reflect.ValueOf(&list).Elem())
	out := make([]Step, len(list))
	for i := range list {
		out[i] = convert(&list[i], d)
	}
	return out
}

func (s *HTTPStep) step(d *decoder) Step {
	return makeStep(d, s.At, s.As, s.Pos, s.Reply, s.Replies, func(a HTTPAnswer) Answer { return a.Answer })
}

func (s *TCPStep) step(d *decoder) Step {
	return makeStep(d, s.At, s.As, s.Pos, s.Reply, s.Replies, func(a TCPAnswer) Answer { return a.Answer })
}

func (s *AgentStep) step(d *decoder) Step {
	return makeStep(d, s.At, s.As, s.Pos, s.Reply, s.Replies, func(a AgentAnswer) Answer { return a.Answer })
}

func (s *ExecStep) step(d *decoder) Step {
	return makeStep(d, s.At, s.As, s.Pos, s.Reply, s.Replies, func(a ExecAnswer) Answer { return a.Answer })
}

func makeStep[A any](d *decoder, at Dur, as Name, pos diag.Pos, reply *A, replies []A, plain func(A) Answer) Step {
	s := Step{At: at, As: as, Pos: pos, Counted: replies != nil}
	if pos.Line > 0 && (reply == nil) == (len(replies) == 0) {
		d.list.Add(diag.Conflict, pos, "", `a step needs exactly one of "reply" and "replies"`)
	}
	if reply != nil {
		a := plain(*reply)
		if a.Times > 1 {
			d.list.Add(diag.Conflict, a.Pos, `write replies: [...]`, `"reply" is given for ever, a number of times needs "replies"`)
		}
		a.Times = 0
		s.Replies = []Answer{a}
		return s
	}
	for i, r := range replies {
		a := plain(r)
		if a.Times == 0 && i < len(replies)-1 {
			d.list.Add(diag.Conflict, a.Pos, "", `replies after "..." are never given`)
		}
		s.Replies = append(s.Replies, a)
	}
	return s
}

// AgentSteps are the steps of the agent in the common form.
func (b *Boot) AgentSteps() []Step { return common(b.Agent, (*AgentStep).step) }

// ExecSteps are the steps of the command in the common form.
func (b *Boot) ExecSteps() []Step { return common(b.Exec, (*ExecStep).step) }

func common[S any](list []S, convert func(*S, *decoder) Step) []Step {
	var ignored decoder // told once, by checkSteps
	out := make([]Step, len(list))
	for i := range list {
		out[i] = convert(&list[i], &ignored)
	}
	return out
}

// decodeYAML of AgentSteps and ExecSteps is that of their fields; the rule of
// reply and replies is checked here, once per step.
func (s *AgentStep) decodeYAML(d *decoder, n *yaml.Node) {
	d.mapping(n, reflect.ValueOf(s).Elem())
	if n.Kind == yaml.MappingNode {
		s.step(d)
	}
}

func (s *ExecStep) decodeYAML(d *decoder, n *yaml.Node) {
	d.mapping(n, reflect.ValueOf(s).Elem())
	if n.Kind == yaml.MappingNode {
		s.step(d)
	}
}
