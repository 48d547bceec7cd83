// Package spec turns KubeVirt manifests into probes: defaulting with
// provenance, validation in the words of Kubernetes and KubeVirt, and the
// consequences of a probe that an operator wants to know (semantics 1.1, 1.8).
package spec

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
)

// Machine is one VM, VMI or pod of a manifest as a prober sees it.
type Machine struct {
	Kind      string // VirtualMachine, VirtualMachineInstance, Pod
	Name      string
	Namespace string // default "default"
	VM        *kubevirtv1.VirtualMachine
	VMI       *kubevirtv1.VirtualMachineInstance // for a VM: built from its template
	Pod       *corev1.Pod
	// Doc is the index of the document in the stream, counted from 0 over all
	// arguments of Decode.
	Doc int

	source   source    // where it was written, for Position
	findings []Finding // what decoding noticed; part of every Resolved
}

// Origin says where an effective value came from.
type Origin string

// The origins of a value.
const (
	FromManifest        Origin = "manifest"
	FromKubeVirtDefault Origin = "KubeVirt default"
	FromKubeDefault     Origin = "Kubernetes default"
	FromProfile         Origin = "profile"
)

// Setting is one effective field of a probe.
type Setting struct {
	Field       string // periodSeconds, httpGet.path, ...
	Value       string
	Origin      Origin
	Note        string // "5s + 10s (LibvirtStartupDelay)"
	Requirement string // DEF-PERIOD, KV-DELAY-PLUS10, ...
}

// Severity of a finding.
type Severity string

// Severities.
const (
	Rejects Severity = "rejected" // the API would refuse the object
	Warns   Severity = "warning"
	Notes   Severity = "note"
)

// Finding is something that a reader of the manifest should know.
type Finding struct {
	Severity    Severity
	Requirement string
	Path        string // spec.template.spec.livenessProbe.periodSeconds
	Message     string // in the words of the component that says it
	By          string // kubevirt webhook, kube-apiserver, guide, vmprobe
	// Note says in our words what follows from it; may be empty.
	Note string
	// Assumed says how a run goes on although the object is refused ("goes on
	// as runStrategy: Always"); empty when it does not.
	Assumed string
}

// The components that findings are attributed to.
const (
	ByWebhook   = "kubevirt webhook"
	ByAPIServer = "kube-apiserver"
	ByGuide     = "guide"
	ByVMProbe   = "vmprobe"
)

// RunStrategy after a liveness failure: what the controller does.
type RunStrategy string

// Resolved is a machine in one profile.
type Resolved struct {
	Profile     probes.ProfileName
	Probes      []probes.Probe // readiness, liveness, startup, those that exist
	Settings    map[probes.Kind][]Setting
	Findings    []Finding   // sorted by severity, path, requirement
	RunStrategy RunStrategy // Always, RerunOnFailure, Manual, Once, Halted; "" for a bare VMI or pod
	// Grace is the VMI's terminationGracePeriodSeconds; PodGrace what the pod
	// gets (LIVE-GRACE).
	Grace, PodGrace time.Duration
	// ForwardedPorts is the masquerade list; nil forwards everything
	// (NET-MASQ-PORTS).
	ForwardedPorts []uint16
	PodNetwork     bool
	StartPaused    bool
	// RestartPolicy is Always, OnFailure or Never for pods; Never for the
	// launcher pod of a VM (LIVE-KILL).
	RestartPolicy corev1.RestartPolicy
	// Container names the container of a pod whose probes these are.
	Container string
}

// Rejected tells whether the API would refuse the object for a reason that
// no assumption mends: nothing can be run. The guide's own template, which
// names no runStrategy, is refused too, but goes on as Always.
func (r *Resolved) Rejected() bool {
	for _, f := range r.Findings {
		if f.Severity == Rejects && f.Assumed == "" {
			return true
		}
	}
	return false
}

// ResolveProbe is one probe of a manifest that holds one machine, and how many
// tries an attempt of it has, in a profile.
func ResolveProbe(manifest []byte, profile string, kind probes.Kind) (p probes.Probe, tries int32, err error) {
	known, ok := probes.LookupProfile(probes.ProfileName(profile))
	if !ok {
		return p, 0, fmt.Errorf("unknown profile %q", profile)
	}
	list, err := Decode(manifest)
	if err != nil {
		return p, 0, err
	}
	for _, m := range list {
		for _, p := range m.Resolve(known).Probes {
			if p.Kind == kind {
				return p, known.Tries, nil
			}
		}
	}
	return p, 0, fmt.Errorf("the manifest has no %s probe", kind)
}
