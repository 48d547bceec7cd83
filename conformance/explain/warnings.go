package explain

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

// warner collects what validation has no opinion about.
type warner struct {
	machine  *spec.Machine
	profile  probes.Profile
	resolved *spec.Resolved
	userData string
	hasData  bool
	out      []spec.Finding
}

func warnings(m *spec.Machine, profile probes.Profile, r *spec.Resolved) []spec.Finding {
	w := &warner{machine: m, profile: profile, resolved: r}
	w.userData, w.hasData = userData(m)
	w.missing()
	gated := r.Settings[probes.Startup] != nil
	if gated {
		w.add(spec.Notes, "STARTUP-GATE", w.path(probes.Startup),
			"readiness and liveness wait for the startup probe: their windows count from its success at the earliest", "")
	}
	for _, p := range r.Probes {
		w.host(p)
		w.headers(p)
		w.agent(p)
		w.exec(p)
		w.bareServer(p)
		if p.Kind == probes.Liveness {
			if !gated {
				w.slowBoot(p)
				w.noDelay(p)
			}
			w.aftermath()
			w.pause(p)
			w.migration(p)
		}
	}
	w.identical()
	if r.RunStrategy == spec.Halted {
		w.add(spec.Notes, "LIVE-RECREATE", "spec", "the VM is not started: runStrategy Halted",
			"virtctl start makes it Always")
	}
	return w.out
}

func (w *warner) add(s spec.Severity, requirement, path, message, note string) {
	w.out = append(w.out, spec.Finding{
		Severity: s, Requirement: requirement, Path: path, Message: message, Note: note, By: spec.ByVMProbe,
	})
}

// path is where a probe is written.
func (w *warner) path(kind probes.Kind, below ...string) string {
	base := field.NewPath("spec")
	switch {
	case w.machine.VM != nil:
		base = base.Child("template", "spec")
	case w.machine.Pod != nil:
		for i := range w.machine.Pod.Spec.Containers {
			if w.machine.Pod.Spec.Containers[i].Name == w.resolved.Container {
				base = base.Child("containers").Index(i)
				break
			}
		}
	}
	base = base.Child(kind.String() + "Probe")
	for _, name := range below {
		base = base.Child(name)
	}
	return base.String()
}

func (w *warner) missing() {
	base := strings.TrimSuffix(w.path(probes.Readiness), ".readinessProbe")
	if w.resolved.Settings[probes.Readiness] == nil {
		w.add(spec.Notes, "STATE-READY-ALWAYS-NO-PROBE", base, "no readinessProbe: ready as soon as it runs", "")
	}
	if w.resolved.Settings[probes.Liveness] == nil {
		w.add(spec.Notes, "STATE-READY-ALWAYS-NO-PROBE", base, "no livenessProbe: probing never restarts it", "")
	}
}

func (w *warner) host(p probes.Probe) {
	host, name, requirement := p.HTTP.Host, "httpGet", "HTTP-HOST-DEFAULT"
	if p.Handler == probes.TCPSocket {
		host, name, requirement = p.TCP.Host, "tcpSocket", "TCP-HOST"
	}
	if host != "" {
		w.add(spec.Warns, requirement, w.path(p.Kind, name, "host"),
			fmt.Sprintf("the probe asks host %s, which may be another machine", host),
			"leave host out and use a Host header for virtual hosts")
	}
}

func (w *warner) headers(p probes.Probe) {
	for _, h := range p.HTTP.Headers {
		if strings.EqualFold(h.Name, "Content-Length") || strings.EqualFold(h.Name, "Transfer-Encoding") {
			w.add(spec.Notes, "HTTP-HDR-CUSTOM", w.path(p.Kind, "httpGet", "httpHeaders"),
				fmt.Sprintf("header %s is not sent", h.Name), "")
		}
	}
}

// agent looks at what guest-agent probes need: the agent, and time to answer.
func (w *warner) agent(p probes.Probe) {
	needsAgent := p.Handler == probes.GuestAgentPing || p.Handler == probes.Exec && w.profile.VM
	if !needsAgent {
		return
	}
	path := w.path(p.Kind, p.Handler.String())
	if w.hasData && !strings.Contains(w.userData, "qemu-guest-agent") && !strings.Contains(w.userData, "qemu-ga") {
		w.add(spec.Notes, "GA-PREREQ", path, "cloud-init does not mention qemu-guest-agent",
			"unless the image brings and starts it, the probe always fails")
	}
	if p.Handler != probes.GuestAgentPing {
		return
	}
	outer := p.Timeout + w.profile.ExecOuterExtra
	if w.profile.AgentInner == 0 || outer > w.profile.AgentInner {
		return
	}
	path = w.path(p.Kind, "timeoutSeconds")
	w.add(spec.Notes, "GA-TIMEOUT-INNER", path,
		fmt.Sprintf("the kubelet gives up after %s, before libvirt's own %s", outer, w.profile.AgentInner),
		"a timeoutSeconds of 5 or more lets libvirt answer first")
	if w.profile.SuppressMigration {
		w.add(spec.Warns, "GA-SUPPRESS-LATE", path,
			"suppression during pause and migration comes too late: it is decided after libvirt's wait", "")
	}
}

func (w *warner) exec(p probes.Probe) {
	if p.Handler != probes.Exec {
		return
	}
	path := w.path(p.Kind, "exec", "command")
	if w.profile.VM && strings.ContainsAny(strings.Join(p.Command, ""), `"\`) {
		w.add(spec.Warns, "EX-JSON-INJECT", path, `an argument contains " or \, which KubeVirt does not escape`,
			"the command breaks and the probe always fails")
	}
	if strings.Contains(strings.Join(p.Command, " "), "$(") {
		w.add(spec.Notes, "EX-ENV-EXPAND", path, "$(NAME) is replaced by the kubelet when the container has a variable NAME",
			"no shell in the guest sees it then; $$(NAME) is left alone")
	}
	if len(p.Command) == 1 && strings.Contains(p.Command[0], " ") {
		w.add(spec.Warns, "EX-NO-SHELL", path, "the command is one word with spaces: no shell splits it", "")
	}
}

func (w *warner) bareServer(p probes.Probe) {
	if p.Handler == probes.HTTPGet && !w.profile.StatusDecides && w.hasData && answersWithoutLength(w.userData) {
		w.add(spec.Notes, "HTTP-BODY-ERROR", w.path(p.Kind, "httpGet"),
			"cloud-init serves HTTP with netcat and no Content-Length",
			"ncat reads the request and is fine; an nc that does not resets the connection, and most attempts are errors")
	}
}

// slowBoot tells how early a guest that is still booting can be killed.
func (w *warner) slowBoot(p probes.Probe) {
	modes := bounds.Modes(p.Handler)
	if len(modes) == 0 {
		return
	}
	earliest := time.Duration(-1)
	for _, mode := range modes {
		f := bounds.FaultOf(p, w.profile, mode)
		if !f.Detected {
			continue
		}
		if at := bounds.FirstVerdict(p, f.Attempt).Lo; earliest < 0 || at < earliest {
			earliest = at
		}
	}
	if earliest < 0 {
		return
	}
	message := fmt.Sprintf("a guest that does not answer yet may be killed as early as %s after its container started",
		Duration(earliest))
	severity, note := spec.Notes, ""
	if line := installs(w.userData); line != "" {
		severity, note = spec.Warns, fmt.Sprintf("cloud-init installs packages at boot: %q", line)
	}
	w.add(severity, "LIVE-KILL", w.path(p.Kind, "initialDelaySeconds"), message, note)
}

func (w *warner) noDelay(p probes.Probe) {
	if p.InitialDelay <= w.profile.DelayExtra {
		w.add(spec.Warns, "TIM-DELAY-TICK", w.path(p.Kind, "initialDelaySeconds"),
			"no initial delay: liveness counts failures while the guest boots", "")
	}
}

// aftermath tells when a kill is final.
func (w *warner) aftermath() {
	if !w.profile.VM || w.profile.RecreateAlways {
		return
	}
	switch w.resolved.RunStrategy.Started() {
	case spec.Always:
	case "":
		w.add(spec.Warns, "LIVE-RECREATE", "kind", "a VMI without a VM is never recreated after a liveness failure",
			"the guide promises a new instance; put the VMI into a VirtualMachine")
	case spec.RerunOnFailure:
		w.add(spec.Warns, "LIVE-PHASE", "spec.runStrategy",
			"after a liveness failure a guest that honours ACPI ends Succeeded and stays down",
			"RerunOnFailure recreates Failed instances only")
	default:
		w.add(spec.Warns, "LIVE-RECREATE", "spec.runStrategy",
			fmt.Sprintf("runStrategy %s: after a liveness failure the VM stays down", w.resolved.RunStrategy), "")
	}
}

func (w *warner) pause(p probes.Probe) {
	if !w.profile.VM || w.profile.RecreateAlways {
		return
	}
	if p.Handler != probes.GuestAgentPing || !w.profile.SuppressPause {
		w.add(spec.Notes, "PAUSE-API", w.path(p.Kind), "pausing the VM is refused (403) because of this probe", "")
	}
}

func (w *warner) migration(p probes.Probe) {
	if !w.profile.VM || w.profile.RecreateAlways || p.Handler == probes.GuestAgentPing && w.profile.SuppressMigration {
		return
	}
	mode := bounds.Blackhole
	switch p.Handler {
	case probes.GuestAgentPing:
		mode = bounds.AgentGone
	case probes.Exec:
		mode = bounds.AgentGone
	case probes.NoHandler, probes.HTTPGet, probes.TCPSocket:
	}
	f := bounds.FaultOf(p, w.profile, mode)
	if !f.Detected {
		return
	}
	w.add(spec.Notes, "MIG-HTTP-LIVE", w.path(p.Kind),
		fmt.Sprintf("a live migration that takes longer than %s may be aborted: the target pod is probed too",
			Duration(bounds.FirstVerdict(p, f.Attempt).Lo)), "")
}

// identical finds two probes that ask the same question.
func (w *warner) identical() {
	var asked []probes.Probe
	for _, p := range w.resolved.Probes {
		p.SuccessThreshold = 1
		for _, q := range asked {
			q.Kind = p.Kind
			if reflect.DeepEqual(p, q) {
				w.add(spec.Warns, "MULTI-BOTH", w.path(p.Kind),
					"readiness and liveness are the same probe: a VM that is only busy is killed, not taken out of service",
					"give liveness a higher failureThreshold or a cheaper question")
			}
		}
		if p.Kind != probes.Startup {
			asked = append(asked, p)
		}
	}
}
