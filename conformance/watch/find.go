package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// agentChannel is the name of the agent's port in the XML of a domain.
const agentChannel = "org.qemu.guest_agent.0"

// find looks at the domain before anything begins, and says all that stands in
// the way.
func (w *watcher) find() error {
	conn := w.connection()
	d, err := conn.Lookup(w.cfg.Domain)
	if virt.NoDomain(err) {
		names, err := conn.Domains()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSetUp, err)
		}
		return fmt.Errorf("%w: %s has no domain %q; %s", ErrSetUp, w.cfg.URI, w.cfg.Domain, among(w.cfg.Domain, names))
	}
	if err != nil {
		return fmt.Errorf("%w: domain %q: %w", ErrSetUp, w.cfg.Domain, err)
	}
	defer d.Close()
	var why []string
	if w.needs(probes.GuestAgentPing, probes.Exec) {
		if text, err := d.XML(); err == nil && !strings.Contains(text, agentChannel) {
			why = append(why, "the domain has no channel "+agentChannel+", which agent and exec probes need: add "+
				"<channel type='unix'><target type='virtio' name='"+agentChannel+"'/></channel> to its devices")
		}
	}
	if w.address = w.cfg.Address; w.address == "" && w.needs(probes.HTTPGet, probes.TCPSocket) {
		if w.address = addressOf(d); w.address == "" {
			why = append(why, "neither the guest agent nor a DHCP lease of libvirt tells an address of the guest, which HTTP and TCP probes need: name one with --address")
		}
	}
	if len(why) > 0 {
		return fmt.Errorf("%w: domain %q: %s", ErrSetUp, w.cfg.Domain, strings.Join(why, "; "))
	}
	return nil
}

// among names those that are meant, or some that there are.
func among(name string, names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "it has no domain at all"
	case len(diag.Suggest(name, names)) > 0:
		return diag.DidYouMean(name, names)
	case len(names) > most:
		return fmt.Sprintf("it has %s and %d others", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "it has " + strings.Join(names, ", ")
}

// addressOf asks the agent, then the leases; empty: nobody knows.
func addressOf(d virt.Domain) string {
	for _, ask := range []func() ([]string, error){d.AgentAddresses, d.LeaseAddresses} {
		if list, err := ask(); err == nil && len(list) > 0 {
			return list[0]
		}
	}
	return ""
}

func (w *watcher) needs(handlers ...probes.Handler) bool {
	return slices.ContainsFunc(w.cfg.Probes, func(p probes.Probe) bool { return slices.Contains(handlers, p.Handler) })
}

func (w *watcher) at() string {
	if w.address == "" {
		return ""
	}
	return " at " + w.address
}
