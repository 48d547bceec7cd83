package kubevirt

import (
	"fmt"
	"slices"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/scenarios"
)

// maxMachines bounds the VMs of a case: each is a processor that is emulated.
const maxMachines = 3

// unsupportedVMs says what VMs of a real KubeVirt cannot express.
func (b *Bed) unsupportedVMs(c *scenarios.Case) []string {
	if b.machines.missing != "" {
		return []string{b.machines.missing}
	}
	var why []string
	if p := b.machines.profile; p != "" && c.Profile.Name != p {
		why = append(why, fmt.Sprintf("profile %s: the cluster's KubeVirt %s is of profile %s", c.Profile.Name, b.machines.version, p))
	}
	if refused(c) {
		return why // nothing has to run
	}
	if len(c.VMs) > maxMachines {
		why = append(why, fmt.Sprintf("%d VMs: at most %d", len(c.VMs), maxMachines))
	}
	for i := range c.Faults {
		why = append(why, fmt.Sprintf("fault %s: what is between the kubelet and a VM is not ours", c.Faults[i].Kind))
	}
	for i := range c.Events {
		switch k := c.Events[i].Kind; k {
		case scenarios.DeleteVMI, scenarios.PauseVM, scenarios.UnpauseVM, scenarios.Annotate, scenarios.TriggerSync:
		case scenarios.Migrate:
			why = append(why, "event migrate: the testbed follows the guest of a VM in one launcher only")
		case scenarios.SuspendIO, scenarios.Snapshot:
			why = append(why, fmt.Sprintf("event %s: the VM has no disk", k))
		default:
			why = append(why, fmt.Sprintf("event %s: the kubelet, its node and the launcher are not ours", k))
		}
	}
	if c.Proxy != "" {
		why = append(why, "prober.proxy: the environment of the kubelet is its own")
	}
	why = append(why, observe.Blind(c)...)
	for i := range c.VMs {
		why = append(why, unsupportedVM(&c.VMs[i])...)
	}
	if need := needsGuest(c); len(why) == 0 && need < b.BootPatience {
		why = append(why, fmt.Sprintf("something is expected of the guest %v after the start of its container, and it may need %v to boot", need, b.BootPatience))
	}
	return why
}

// unsupportedVM says what of one VM cannot be expressed.
func unsupportedVM(v *scenarios.VM) []string {
	why := oshost.Unsupported(v.Program, v.EveryBoot)
	if v.Machine == nil || v.Machine.VM == nil && v.Machine.VMI == nil {
		why = append(why, "a manifest that is of no VM")
	}
	if asksAnotherHost(v) {
		why = append(why, anotherHost)
	}
	if v.DomainDelay > 0 {
		why = append(why, "a domain that begins late: a real one begins when it can")
	}
	if v.Program.Watchdog != nil {
		why = append(why, "a watchdog device: the guest's kernel has no driver for it")
	}
	if v.Resolved.StartPaused {
		why = append(why, "a VM that starts paused: its guest cannot be told what it is")
	}
	if bridged(v) {
		why = append(why, "an interface that is no masquerade: the guest has a fixed address")
	}
	for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
		if slices.ContainsFunc(p.Endpoints, counted) {
			why = append(why, "agent: replies that are counted: virt-launcher asks the agent, too")
		}
		for _, s := range p.Power {
			why = append(why, impossible(s)...)
		}
	}
	return why
}

// counted tells whether an endpoint is the agent, with replies for so many
// commands each.
func counted(e fakevm.Endpoint) bool {
	return e.Kind == fakevm.Agent && slices.ContainsFunc(e.Steps, func(s fakevm.Step) bool {
		return slices.ContainsFunc(s.Replies, func(r fakevm.Counted) bool { return r.Times > 0 })
	})
}

// impossible says why a guest cannot do something to itself.
func impossible(s fakevm.PowerStep) []string {
	switch {
	case s.Do == fakevm.Crash:
		return []string{"a guest that crashes: without a panic device KubeVirt does not notice"}
	case s.Do == fakevm.Suspend, s.Do == fakevm.Resume:
		return []string{"a guest that is suspended: nobody outside wakes it"}
	case s.Do == fakevm.Hang && s.For > 0:
		return []string{"a guest that hangs for a while: it hangs for good"}
	}
	return nil
}

// bridged tells whether a VM has an interface that is no masquerade.
func bridged(v *scenarios.VM) bool {
	if v.Machine == nil || v.Machine.VMI == nil {
		return false
	}
	return slices.ContainsFunc(v.Machine.VMI.Spec.Domain.Devices.Interfaces, func(i kubevirtv1.Interface) bool { return i.Masquerade == nil })
}

// reasons joins what speaks against a case.
func reasons(why []string) string {
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}
