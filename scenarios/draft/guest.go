package draft

import (
	"fmt"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
)

// fields are the names of probes in manifests.
func field(k probes.Kind) string { return k.String() + "Probe" }

// unfit tells why a probe asks nothing that a guest could be made for.
func (t *teller) unfit(p *probes.Probe) *Unfit {
	base := "spec."
	switch t.machine.Kind {
	case "VirtualMachine":
		base = "spec.template.spec."
	case "Pod":
		base = fmt.Sprintf("spec.containers[%d].", max(t.machine.Container(), 0))
	}
	base += field(p.Kind)
	host, port := p.HTTP.Host, p.HTTP.Port
	switch p.Handler {
	case probes.NoHandler:
		return &Unfit{t.machine, base, "it has no handler"}
	case probes.TCPSocket:
		base, host, port = base+".tcpSocket", p.TCP.Host, p.TCP.Port
	case probes.HTTPGet:
		base += ".httpGet"
	case probes.GuestAgentPing, probes.Exec:
		return nil
	}
	switch {
	case host != "":
		return &Unfit{t.machine, base + ".host", fmt.Sprintf("it asks %s, not the VM: who answers there is yours to write", host)}
	case port.Number == 0 && port.Name != "":
		return &Unfit{t.machine, base + ".port", fmt.Sprintf("no port is called %q: there is nobody to answer", port.Name)}
	case port.Number < 1 || port.Number > 65535:
		return &Unfit{t.machine, base + ".port", fmt.Sprintf("%d is no port", port.Number)}
	}
	return nil
}

// endpoint is what a probe asks; probes of one port share it.
func (t *teller) endpoint(p *probes.Probe) *endpoint {
	e := &endpoint{key: "agent", up: "ok", down: "down"}
	switch p.Handler {
	case probes.HTTPGet:
		t.about("HTTP-STATUS-RANGE")
		e = &endpoint{key: fmt.Sprintf("%s/%d", strings.ToLower(p.HTTP.Scheme), p.HTTP.Port.Number), up: "200", down: "503"}
	case probes.TCPSocket:
		t.about("TCP-FAIL")
		e = &endpoint{key: fmt.Sprintf("tcp/%d", p.TCP.Port.Number), up: "ok", down: "refused"}
	case probes.GuestAgentPing:
		t.about("GA-FAIL-MAP")
	case probes.Exec:
		t.about("EX-EXIT0")
		e = &endpoint{key: "exec", up: "0", down: "1"}
	case probes.NoHandler:
	}
	_, port, network := strings.Cut(e.key, "/")
	for _, known := range t.endpoints {
		if known.key == e.key {
			return known
		}
		if _, taken, _ := strings.Cut(known.key, "/"); network && taken == port {
			// One listens for both: by HTTP, and refusing breaks either.
			if strings.HasPrefix(known.key, "tcp/") {
				known.key, known.up = e.key, e.up
			}
			known.down = "refused"
			return known
		}
	}
	t.endpoints = append(t.endpoints, e)
	return e
}

// camel makes a name for formulas of the name of a machine.
func camel(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case r == '-' || r == '.':
			upper = b.Len() > 0
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
