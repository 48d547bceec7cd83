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
	d, err := w.lookUp()
	if err != nil {
		return err
	}
	defer d.Close()
	w.cfg.Domain = d.Name()
	var why []string
	if w.needs(probes.GuestAgentPing, probes.Exec) {
		if text, err := d.XML(); err == nil && !strings.Contains(text, agentChannel) {
			why = append(why, "the domain has no channel "+agentChannel+", which agent and exec probes need: add "+
				"<channel type='unix'><target type='virtio' name='"+agentChannel+"'/></channel> to its devices")
		}
	}
	if w.address = w.cfg.Address; w.address == "" && w.needs(probes.HTTPGet, probes.TCPSocket) {
		if w.address = addressOf(d); w.address == "" {
			why = append(why, w.noAddress(d))
		}
	}
	if w.cfg.Act {
		if persistent, err := d.Persistent(); err == nil && !persistent {
			why = append(why, "the domain is transient: one that is destroyed is gone and cannot be started; define it (`virsh define`), or leave --act out")
		}
	}
	if len(why) > 0 {
		return fmt.Errorf("%w: domain %q: %s", ErrSetUp, w.cfg.Domain, strings.Join(why, "; "))
	}
	return nil
}

// lookUp finds the domain by one of its names.
func (w *watcher) lookUp() (virt.Domain, error) {
	conn := w.connection()
	for _, name := range []string{w.cfg.Domain, w.cfg.Alias} {
		if name == "" {
			continue
		}
		d, err := conn.Lookup(name)
		if err == nil {
			return d, nil
		}
		if !virt.NoDomain(err) {
			return nil, fmt.Errorf("%w: domain %q: %w", ErrSetUp, name, err)
		}
	}
	names, err := conn.Domains()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSetUp, err)
	}
	missing := fmt.Sprintf("%q", w.cfg.Domain)
	if w.cfg.Alias != "" {
		missing += fmt.Sprintf(" or %q", w.cfg.Alias)
	}
	return nil, fmt.Errorf("%w: %s has no domain %s; %s", ErrSetUp, w.cfg.URI, missing, among(w.cfg.Domain, names))
}

// among names those that are meant, or some that there are.
func among(name string, names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "it has no domain at all: the VMs of another user or of the system have a URI of their own (--connect qemu:///system, qemu:///session)"
	case len(diag.Suggest(name, names)) > 0:
		return diag.DidYouMean(name, names)
	case len(names) > most:
		return fmt.Sprintf("it has %s and %d others: name one by --domain", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "it has " + strings.Join(names, ", ") + ": name one by --domain"
}

// noAddress says what to do about it.
func (w *watcher) noAddress(d virt.Domain) string {
	if state, _, err := d.State(); err == nil && !active(state) {
		return "the domain does not run, so nobody tells an address of the guest, which HTTP and TCP probes need: start it (`virsh start " + w.cfg.Domain + "`), or name one with --address"
	}
	return "neither the guest agent nor a DHCP lease of libvirt tells an address of the guest, which HTTP and TCP probes need: name one with --address"
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
