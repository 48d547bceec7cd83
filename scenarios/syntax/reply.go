package syntax

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Words of the scalar replies, by kind of endpoint.
var (
	HTTPWords  = []string{"refused", "blackhole", "unaccepted", "hang", "close", "reset"}
	TCPWords   = []string{"ok", "refused", "blackhole", "unaccepted", "reset", "close"}
	AgentWords = []string{"ok", "down", "hang", "error", "garbage"}
	ExecWords  = []string{"hang", "missing", "killed"}
)

// answer decodes the scalar form by word, the other one by mapping.
func (d *decoder) answer(n *yaml.Node, a *Answer, words []string,
	word func(s string) (fakevm.Reply, bool), mapping func() fakevm.Reply, times *Times,
) {
	a.Pos, a.Times = d.pos(n), 1
	if n.Kind == yaml.MappingNode {
		a.Reply = mapping()
		if times.Set {
			a.Times = times.N
		}
		return
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" {
		d.wrong(n, "a reply")
		return
	}
	s := d.vars.expand(n.Value)
	item, count, ok := counted(s)
	reply, known := word(item)
	if !ok || !known {
		help := diag.DidYouMean(item, words)
		if !ok {
			help = `write "REPLY", "REPLY x3" or "REPLY ..."`
		}
		d.fail(diag.BadReply, n, help, "unknown reply %q", abbreviate(s))
		return
	}
	a.Reply, a.Times = reply, count
}

func status(s string, low, high int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= low && n <= high && strconv.FormatInt(n, 10) == s
}

func connectWord(s string) (fakevm.Reply, bool) {
	switch s {
	case "refused", "blackhole", "unaccepted":
		return fakevm.Reply{Connect: fakevm.Connect(s)}, true
	}
	return fakevm.Reply{}, false
}

func (a *HTTPAnswer) decodeYAML(d *decoder, n *yaml.Node) {
	var m HTTPMapping
	d.answer(n, &a.Answer, HTTPWords, httpWord, func() fakevm.Reply {
		d.mapping(n, reflect.ValueOf(&m).Elem())
		return d.httpReply(n, &m)
	}, &m.Times)
	if a.Reply.Connect != fakevm.Accept && a.Reply.Connect != fakevm.Unaccepted {
		a.Reply.HTTP = nil
	}
}

func httpWord(s string) (fakevm.Reply, bool) {
	h := &fakevm.HTTPReply{}
	switch s {
	case "hang":
		h.Silent = true
	case "close":
		h.End = fakevm.EndFIN
	case "reset":
		h.End = fakevm.EndReset
	default:
		code, ok := status(s, 100, 999)
		if !ok {
			return connectWord(s)
		}
		h.Status = int(code)
	}
	return fakevm.Reply{HTTP: h}, true
}

// httpReply fills in what a mapping leaves open: the status.
func (d *decoder) httpReply(n *yaml.Node, m *HTTPMapping) fakevm.Reply {
	h := m.HTTPReply
	explicit := entry(n, "status") != nil
	if m.Redirect.Pos.Line > 0 {
		if _, err := url.Parse(m.Redirect.S); err == nil && strings.ContainsAny(m.Redirect.S, "\r\n") {
			d.list.Add(diag.BadReply, m.Redirect.Pos, "use raw", "a Location header cannot hold a line break")
		}
		h.Headers = append([]probes.Header{{Name: "Location", Value: m.Redirect.S}}, h.Headers...)
		if !explicit {
			h.Status, explicit = 302, true
		}
	}
	if !explicit && h.Raw == "" && !h.Silent {
		h.Status = 200
	}
	if explicit && h.Status > 999 {
		d.fail(diag.OutOfRange, n, "use raw for bytes that are no status line", "status %d is out of range: 0 to 999", h.Status)
	}
	d.exclusive(n, "raw", "status", "headers", "body", "bodyBytes", "redirect")
	d.exclusive(n, "silent", "status", "raw", "body", "bodyBytes", "redirect")
	d.exclusive(n, "body", "bodyBytes")
	d.refusal(n, m.Connect)
	return fakevm.Reply{Connect: m.Connect.How, ConnectDelay: m.Connect.Delay.D, HTTP: &h}
}

// exclusive refuses keys that have no meaning beside another one.
func (d *decoder) exclusive(n *yaml.Node, key string, others ...string) {
	if entry(n, key) == nil {
		return
	}
	for _, o := range others {
		if v := entry(n, o); v != nil {
			d.fail(diag.Conflict, v, "", "%q means nothing beside %q", o, key)
		}
	}
}

// refusal: a connection that is not made has no reply.
func (d *decoder) refusal(n *yaml.Node, c Connect) {
	if c.How != fakevm.Refuse && c.How != fakevm.Blackhole {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Value != "connect" && k.Value != "times" {
			d.fail(diag.Conflict, k, "", "%q means nothing beside connect: %s", k.Value, c.How)
		}
	}
}

func (a *TCPAnswer) decodeYAML(d *decoder, n *yaml.Node) {
	var m TCPMapping
	d.answer(n, &a.Answer, TCPWords, tcpWord, func() fakevm.Reply {
		d.mapping(n, reflect.ValueOf(&m).Elem())
		d.exclusive(n, "then", "end")
		d.refusal(n, m.Connect)
		t := m.TCPReply
		switch m.Then.S {
		case "reset":
			t.End = fakevm.EndReset
		case "close":
			t.End = fakevm.EndFIN
		case "silent":
			t.End = fakevm.EndOpen
		}
		return fakevm.Reply{Connect: m.Connect.How, ConnectDelay: m.Connect.Delay.D, TCP: &t}
	}, &m.Times)
	if a.Reply.Connect != fakevm.Accept && a.Reply.Connect != fakevm.Unaccepted {
		a.Reply.TCP = nil
	}
}

func tcpWord(s string) (fakevm.Reply, bool) {
	switch s {
	case "ok":
		return fakevm.Reply{TCP: &fakevm.TCPReply{}}, true
	case "reset":
		return fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndReset}}, true
	case "close":
		return fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndFIN}}, true
	}
	return connectWord(s)
}

func (a *AgentAnswer) decodeYAML(d *decoder, n *yaml.Node) {
	var m AgentMapping
	d.answer(n, &a.Answer, AgentWords, agentWord, func() fakevm.Reply {
		d.mapping(n, reflect.ValueOf(&m).Elem())
		d.exclusive(n, "down", "silent", "delay", "errorClass", "raw", "rawBytes", "before", "value")
		d.exclusive(n, "raw", "rawBytes", "errorClass", "value")
		r := m.AgentReply
		return fakevm.Reply{Agent: &r}
	}, &m.Times)
}

func agentWord(s string) (fakevm.Reply, bool) {
	r := &fakevm.AgentReply{}
	switch s {
	case "ok":
	case "down":
		r.Down = true
	case "hang":
		r.Silent = true
	case "error":
		r.ErrorClass, r.ErrorDesc = "GenericError", "the command failed"
	case "garbage":
		r.Raw = "\x00not json\n"
	default:
		return fakevm.Reply{}, false
	}
	return fakevm.Reply{Agent: r}, true
}

func (a *ExecAnswer) decodeYAML(d *decoder, n *yaml.Node) {
	var m ExecMapping
	d.answer(n, &a.Answer, append([]string{"0", "1"}, ExecWords...), execWord, func() fakevm.Reply {
		d.mapping(n, reflect.ValueOf(&m).Elem())
		d.exclusive(n, "hang", "exit", "signal", "after", "missing")
		d.exclusive(n, "missing", "exit", "signal", "after", "output")
		r := m.ExecReply
		return fakevm.Reply{Exec: &r}
	}, &m.Times)
}

func execWord(s string) (fakevm.Reply, bool) {
	r := &fakevm.ExecReply{}
	switch s {
	case "hang":
		r.Hang = true
	case "missing":
		r.Missing = true
	case "killed":
		r.Signal = 9
	default:
		code, ok := status(s, 0, 1<<32-1)
		if !ok {
			return fakevm.Reply{}, false
		}
		r.Exit = code
	}
	return fakevm.Reply{Exec: r}, true
}
