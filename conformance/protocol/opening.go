package protocol

import (
	"encoding/json"
	"fmt"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Opening is the message that begins a case.
func Opening(c *scenarios.Case, seed uint64) (*Request, error) {
	r := &Request{
		Op: Open, Case: c.ID(), Profile: string(c.Profile.Name), Seed: seed, ProberAgeNs: int64(c.ProberAge),
		Proxy: c.Proxy,
	}
	for i := range c.VMs {
		v := &c.VMs[i]
		data, err := manifest(v.Machine)
		if err != nil {
			return nil, fmt.Errorf("manifest of %s: %w", v.Name, err)
		}
		vm := VM{Name: v.Name, Namespace: v.Machine.Namespace, Manifest: data, Ports: v.Machine.NamedPorts()}
		if vm.Probes, err = written(v.Machine); err != nil {
			return nil, fmt.Errorf("probes of %s: %w", v.Name, err)
		}
		r.VMs = append(r.VMs, vm)
	}
	return r, nil
}

// manifest is the object that was written.
func manifest(m *spec.Machine) ([]byte, error) {
	var object any = m.VMI
	switch m.Kind {
	case "VirtualMachine":
		object = m.VM
	case "Pod":
		object = m.Pod
	}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	return json.Marshal(fields)
}

// written are the probes of a machine as they stand in its manifest.
func written(m *spec.Machine) (p Probes, err error) {
	for _, w := range m.RawProbes() {
		data, err := json.Marshal(w.Probe)
		if err != nil {
			return p, err
		}
		switch w.Kind {
		case probes.Readiness:
			p.Readiness = data
		case probes.Liveness:
			p.Liveness = data
		case probes.Startup:
			p.Startup = data
		}
	}
	return p, nil
}
