package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// guests turns the scripts into programs.
func (c *compilation) guests() {
	for _, name := range sortedNames(c.spec.Guests) {
		c.vm(syntax.Text{S: name, Pos: c.spec.Keys["guests."+name]})
	}
	for i := range c.c.VMs {
		vm := &c.c.VMs[i]
		g, ok := c.spec.Guests[vm.Name]
		if !ok {
			continue
		}
		vm.DomainDelay = g.DomainDelay.D
		vm.Program = c.program(vm.Name, &g.Boot)
		vm.Program.Watchdog = c.watchdog(vm, &g)
		if g.EveryBoot != nil {
			vm.EveryBoot = c.program(vm.Name, g.EveryBoot)
			c.once(&g.Boot, g.EveryBoot)
		}
		c.impossible(vm, &g)
	}
}

// watchdog is the device that the guest feeds; nil: it feeds none.
func (c *compilation) watchdog(vm *VM, g *syntax.Guest) *fakevm.Watchdog {
	if !g.Watchdog.Set {
		return nil
	}
	device, actions := vm.watchdogDevice(), fakevm.WatchdogActions()
	switch {
	case device == nil:
		c.list.Add(diag.Conflict, g.Watchdog.Pos, "", "the manifest of %s has no watchdog to feed: spec.domain.devices.watchdog: {name: dog, i6300esb: {action: reset}}", vm.Name)
	case !slices.Contains(actions, fakevm.WatchdogAction(device.Action)) && device.Action != "":
		c.list.Add(diag.Conflict, g.Watchdog.Pos, "", "the watchdog of %s does %q, which vmprobe does not know: want one of %v", vm.Name, device.Action, actions)
	}
	w := &fakevm.Watchdog{Timeout: g.Watchdog.D, Action: fakevm.WatchdogReset}
	if device != nil && device.Action != "" {
		w.Action = fakevm.WatchdogAction(device.Action)
	}
	return w
}

// watchdogDevice is that of the manifest; nil: there is none.
func (v *VM) watchdogDevice() *kubevirtv1.I6300ESBWatchdog {
	if v.Machine == nil || v.Machine.VMI == nil {
		return nil
	}
	w := v.Machine.VMI.Spec.Domain.Devices.Watchdog
	switch {
	case w == nil:
		return nil
	case w.I6300ESB == nil: // the default device, which resets
		return &kubevirtv1.I6300ESBWatchdog{}
	}
	return w.I6300ESB
}

// impossible finds what no guest can do, such as a body of a negative length:
// what package fakevm would refuse when the case runs.
func (c *compilation) impossible(vm *VM, g *syntax.Guest) {
	if c.list.HasErrors() {
		return // half a program: the problems may be consequences
	}
	for _, p := range fakevm.Check(vm.Program, vm.EveryBoot) {
		boot, path := &g.Boot, p.Path
		if rest, ok := strings.CutPrefix(path, "everyBoot."); ok && g.EveryBoot != nil {
			boot, path = g.EveryBoot, rest
		}
		c.list.Add(diag.Conflict, c.placeOf(g, boot, vm.Name, path), "", "%s: %s", path[strings.LastIndexByte(path, '.')+1:], p.Msg)
	}
}

// placeOf is where the file has what fakevm calls
// "endpoints[0].steps[1].replies[2].reply...".
func (c *compilation) placeOf(g *syntax.Guest, b *syntax.Boot, vm, path string) Pos {
	var e, s, r int
	place := c.spec.Keys["guests."+vm]
	endpoints := scripted(b)
	n, _ := fmt.Sscanf(path, "endpoints[%d].steps[%d].replies[%d]", &e, &s, &r)
	if n >= 1 && e < len(endpoints) {
		place = endpoints[e].Pos
		if n >= 2 && s < len(endpoints[e].Steps) {
			place = endpoints[e].Steps[s].Pos
			if n == 3 && r < len(endpoints[e].Steps[s].Replies) {
				place = endpoints[e].Steps[s].Replies[r].Pos
			}
		}
	}
	if n, _ := fmt.Sscanf(path, "power[%d]", &e); n == 1 && e < len(b.Power) {
		place = b.Power[e].Pos
	}
	if path == "watchdog.timeout" && g.Watchdog.Set {
		place = g.Watchdog.Pos
	}
	if n, _ := fmt.Sscanf(path, "freezes[%d]", &e); n == 1 && e < len(b.Freezes) {
		place = b.Freezes[e].Pos
	}
	return place
}

// once: an endpoint is scripted by the run or by the boot, not by both.
func (c *compilation) once(a, b *syntax.Boot) {
	for _, e := range scripted(a) {
		for _, o := range scripted(b) {
			if e.Kind == o.Kind && e.Port == o.Port {
				c.list.Add(diag.Conflict, o.Pos, "", "%s is already scripted outside everyBoot in line %d", endpointName(e.Kind, e.Port), e.Pos.Line)
			}
		}
	}
	if a.ACPI != nil && b.ACPI != nil {
		c.list.Add(diag.Conflict, b.Pos, "", "acpi is given outside and inside everyBoot")
	}
}

// scripted lists the endpoints of a script: ports in the order of the file,
// then agent and exec.
func scripted(b *syntax.Boot) []syntax.Endpoint {
	out := slices.Clone(b.Ports)
	for _, e := range []syntax.Endpoint{
		{Kind: fakevm.Agent, Steps: b.AgentSteps()}, {Kind: fakevm.Exec, Steps: b.ExecSteps()},
	} {
		if len(e.Steps) > 0 {
			e.Pos = e.Steps[0].Pos
			out = append(out, e)
		}
	}
	return out
}

// endpointName is the key of an endpoint in a file: "http/8080", "agent".
func endpointName(kind fakevm.EndpointKind, port uint16) string {
	if port == 0 {
		return string(kind)
	}
	return fmt.Sprintf("%s/%d", kind, port)
}

func (c *compilation) program(vm string, b *syntax.Boot) fakevm.Program {
	var p fakevm.Program
	for _, e := range scripted(b) {
		out := fakevm.Endpoint{Kind: e.Kind, Port: e.Port}
		key := vm + " " + endpointName(e.Kind, e.Port)
		c.steps[key], c.endpoints[key] = e.Steps, e.Pos
		last := time.Duration(-1)
		for _, s := range e.Steps {
			if s.At.D <= last {
				c.list.Add(diag.StepOrder, s.Pos, "", "the step at %s does not follow the one at %s", s.At.D, last)
			}
			last = s.At.D
			step := fakevm.Step{At: s.At.D, As: s.As.S}
			for _, a := range s.Replies {
				step.Replies = append(step.Replies, fakevm.Counted{Reply: a.Reply, Times: a.Times})
			}
			out.Steps = append(out.Steps, step)
		}
		p.Endpoints = append(p.Endpoints, out)
	}
	last := time.Duration(-1)
	for _, s := range b.Power {
		if s.At.D < last {
			c.list.Add(diag.StepOrder, s.Pos, "", "the action at %s does not follow the one at %s", s.At.D, last)
		}
		last = s.At.D
		if s.For.Set && s.Do.S != string(fakevm.Hang) && s.Do.S != string(fakevm.Reboot) {
			c.list.Add(diag.Conflict, s.For.Pos, "", `"for" means nothing for %s`, s.Do.S)
		}
		p.Power = append(p.Power, fakevm.PowerStep{At: s.At.D, As: s.As.S, Do: fakevm.PowerAction(s.Do.S), For: s.For.D})
	}
	for _, s := range b.Freezes {
		p.Freezes = append(p.Freezes, fakevm.Freeze{At: s.At.D, For: s.For.D})
	}
	if b.ACPI != nil {
		p.ACPI = fakevm.ACPI{Ignore: b.ACPI.Ignore, Delay: b.ACPI.Delay.D}
	}
	return p
}

// target is the endpoint that a probe asks: the VM and the key; the port is
// open to both "http" and "tcp" scripts for a TCP probe.
type target struct {
	vm   string
	keys []string // any of them
}

// targetOf finds what a probe asks. ok is false when the probe cannot or need
// not be scripted: its port does not resolve, or its host is elsewhere.
func (c *Case) targetOf(vm *VM, p *probes.Probe) (t target, ok bool) {
	host, port := "", probes.Port{}
	t.vm = vm.Name
	switch p.Handler {
	case probes.GuestAgentPing:
		t.keys = []string{"agent"}
		return t, true
	case probes.Exec:
		t.keys = []string{"exec"}
		return t, true
	case probes.HTTPGet:
		host, port = p.HTTP.Host, p.HTTP.Port
	case probes.TCPSocket:
		host, port = p.TCP.Host, p.TCP.Port
	default:
		return t, false
	}
	if host != "" {
		if c.VM(host) == nil {
			return t, false
		}
		t.vm = host
	}
	if port.Number < 1 || port.Number > 65535 {
		return t, false
	}
	for _, kind := range []fakevm.EndpointKind{fakevm.HTTP, fakevm.HTTPS, fakevm.TCP} {
		t.keys = append(t.keys, endpointName(kind, uint16(port.Number)))
	}
	return t, true
}

// stepsOf are the steps that a probe meets, and their key; nil when it meets
// no script.
func (c *compilation) stepsOf(vm *VM, p *probes.Probe) (key string, steps []syntax.Step) {
	t, ok := c.c.targetOf(vm, p)
	if !ok {
		return "", nil
	}
	for _, k := range t.keys {
		if s := c.steps[t.vm+" "+k]; s != nil {
			return t.vm + " " + k, s
		}
	}
	return "", nil
}

// noteComma explains the two halves of "max(a, b)" in a flow list.
func (c *compilation) noteComma(t syntax.Formula, err *diag.Diagnostic) bool {
	call := strings.Contains(t.S, "max(") || strings.Contains(t.S, "min(")
	if !call || strings.Contains(t.S, ")") {
		return false
	}
	d := *err
	d.Help = "a comma splits a list: name the formula under let"
	*c.list = append(*c.list, d)
	return true
}
