package spec

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
)

// podGraceExtra is what KubeVirt adds to the pod's grace: 15 s before and 15 s
// after the guest's own (LIVE-GRACE).
const podGraceExtra = 30 * time.Second

// defaultGrace is the terminationGracePeriodSeconds of a VMI and of a pod.
const defaultGrace = 30

// Resolve tells what the machine is in one profile: effective probes with the
// origin of every value, and everything a reader of the manifest should know.
// It never fails: what cannot run is a finding, and the probes it returns
// always have legal numbers. A VM or VMI in a profile without VMs (kubernetes)
// is read as a pod whose container has the same probes.
func (m *Machine) Resolve(p probes.Profile) Resolved {
	r := resolver{machine: m, profile: p}
	r.out = Resolved{
		Profile: p.Name, Settings: map[probes.Kind][]Setting{},
		PodNetwork: true, RestartPolicy: corev1.RestartPolicyAlways,
		Findings: slices.Clone(m.findings),
	}
	switch {
	case m.Pod != nil:
		if p.VM {
			r.podInVMProfile()
		}
		r.pod()
	case m.VMI != nil:
		r.instance()
	default:
		return r.out // a Machine that nothing was decoded into
	}
	r.probes()
	if r.profile.VM {
		r.webhook()
	}
	sortFindings(r.out.Findings)
	return r.out
}

type resolver struct {
	machine *Machine
	profile probes.Profile
	out     Resolved
}

func (r *resolver) add(f Finding) { r.out.Findings = append(r.out.Findings, f) }

// podInVMProfile refuses what no profile of VMs can run, and reads the rest as
// Kubernetes does: a pod is no VMI's launcher.
func (r *resolver) podInVMProfile() {
	r.add(Finding{
		Severity: Rejects, Requirement: "KV-COPY", Path: "kind", By: ByVMProbe,
		Message: "profile " + string(r.profile.Name) + " probes virtual machines; a Pod belongs to profile kubernetes",
	})
	r.profile, _ = probes.LookupProfile(probes.Kubernetes)
}

func (r *resolver) pod() {
	s := &r.machine.Pod.Spec
	if s.RestartPolicy != "" {
		r.out.RestartPolicy = s.RestartPolicy
	}
	r.grace(s.TerminationGracePeriodSeconds)
	r.out.PodGrace = r.out.Grace
	i := r.machine.Container()
	if i < 0 {
		r.add(Finding{
			Severity: Rejects, Requirement: "VAL-TEMPLATE", Path: "spec.containers", By: ByAPIServer,
			Message: field.Required(nil, "").ErrorBody(),
		})
		return
	}
	r.out.Container = s.Containers[i].Name
	for j := i + 1; j < len(s.Containers); j++ {
		if probed(&s.Containers[j]) {
			r.add(Finding{
				Severity: Notes, Requirement: "LIVE-INDEP-READY", By: ByVMProbe,
				Path:    field.NewPath("spec", "containers").Index(j).String(),
				Message: "only the probes of container " + r.out.Container + " are driven",
			})
		}
	}
}

func (r *resolver) instance() {
	s := &r.machine.VMI.Spec
	r.grace(s.TerminationGracePeriodSeconds)
	r.out.PodGrace = r.out.Grace
	if !r.profile.VM {
		return
	}
	r.out.PodGrace = min(r.out.Grace, seconds(maxSeconds)-podGraceExtra) + podGraceExtra
	r.out.RestartPolicy = corev1.RestartPolicyNever
	r.out.PodNetwork = podNetwork(s)
	r.out.ForwardedPorts = forwarded(s)
	r.out.StartPaused = s.StartStrategy != nil && *s.StartStrategy == kubevirtv1.StartStrategyPaused
	if r.machine.VM != nil {
		r.runStrategy(&r.machine.VM.Spec)
	}
}

func (r *resolver) grace(given *int64) {
	n := int64(defaultGrace)
	if given != nil {
		n = max(*given, 0)
	}
	r.out.Grace = seconds(n)
}

func (r *resolver) probes() {
	ports := r.machine.NamedPorts()
	for _, w := range r.machine.written() {
		d := defaulter{profile: r.profile, ports: ports}
		d.probe(&w)
		r.out.Settings[w.kind] = d.settings
		r.out.Findings = append(r.out.Findings, d.findings...)
		ok := r.handlers(&w)
		r.values(&w, &d.out)
		r.portFindings(&w, &d.out)
		if ok {
			r.out.Probes = append(r.out.Probes, d.out)
		}
	}
}

var severityOrder = map[Severity]int{Rejects: 0, Warns: 1, Notes: 2}

func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(severityOrder[a.Severity], severityOrder[b.Severity]),
			strings.Compare(a.Path, b.Path), strings.Compare(a.Requirement, b.Requirement),
			strings.Compare(a.Message, b.Message))
	})
}

// childPath appends a dotted name to a path.
func childPath(p *field.Path, dotted string) string {
	return p.String() + "." + dotted
}
