package platform

import (
	"errors"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// The latencies of the components. They are far below the one-second grain of
// probe settings, so that no verdict hangs on them, and differ from one
// another, so that no two of them end at one instant by accident.
const (
	// PhaseLatency is from the domain (or the last container of a plain pod)
	// to the phase.
	PhaseLatency = 30 * time.Millisecond
	// PodLatency is from a probe's state to the Pod's Ready condition.
	PodLatency = 50 * time.Millisecond
	// VMILatency is from the Pod's Ready condition or the VMI's phase to the
	// Ready condition of VMI and VM.
	VMILatency = 40 * time.Millisecond
	// EndpointLatency is from the Pod's Ready condition to the EndpointSlice.
	EndpointLatency = 80 * time.Millisecond
	// GateLatency is from a pause of the domain to the readiness gate of the
	// pod (KV-GATE-PAUSED).
	GateLatency = 60 * time.Millisecond
	// ControllerLatency is from a finished VMI to its deletion and successor.
	ControllerLatency = 110 * time.Millisecond
	// LauncherExit is from the end of the domain to the end of the container:
	// virt-launcher tells virt-handler first.
	LauncherExit = 500 * time.Millisecond
	// AnnotationLatency is from an annotation to the launcher's next sync
	// (GA-PAUSE-ANNOT: "seconds").
	AnnotationLatency = time.Second

	// StartLatencyMin and StartLatencyMax bound the seeded time from a new
	// VMI to its container: scheduling, image, libvirt's surroundings.
	StartLatencyMin = 3 * time.Second
	StartLatencyMax = 5 * time.Second
	// RestartLatencyMin and RestartLatencyMax bound the seeded time to start
	// a container again in a pod that is there.
	RestartLatencyMin = 500 * time.Millisecond
	RestartLatencyMax = 1500 * time.Millisecond
	// SyncLatency is from the end of a sync of the kubelet to the next one, which
	// its look at the runtime causes, once a second.
	SyncLatency = 500 * time.Millisecond

	// ACPIInterval separates the presses of the power button (LIVE-GRACE).
	ACPIInterval = 5 * time.Second
	// LauncherPatience is how long after the VMI's grace the launcher destroys a
	// domain that is still there: it waits for more than 15 whole seconds.
	LauncherPatience = 16 * time.Second
	// MinimumGrace is the least that the kubelet waits before SIGKILL
	// (LIVE-GRACE).
	MinimumGrace = 2 * time.Second
	// BackOffInitial doubles with each restart in place up to BackOffMax and
	// is forgotten after a container ran for BackOffReset (kubernetes
	// profile). Which restarts wait: see backOff.
	BackOffInitial = 10 * time.Second
	BackOffMax     = 300 * time.Second
	BackOffReset   = 2 * BackOffMax
	// StartBackOffUnit times n squared, and up to half as much again, seeded,
	// but at most StartBackOffMax, is the wait after the n-th VMI in a row that
	// failed before it was Running.
	StartBackOffUnit = 10 * time.Second
	StartBackOffMax  = 300 * time.Second
)

// Config fixes one VM (or pod). Kernel, Sink, Guest, Prober and Name are
// needed; the rest has defaults.
type Config struct {
	Kernel *sim.Kernel
	Sink   trace.Sink
	Guest  Guest
	Prober Prober
	// Publisher shows the objects to observers; nil shows them to nobody.
	Publisher Publisher

	Name      string
	Namespace string // default "default"
	// Actor orders the platform's events among those of one instant and
	// selects its draws; distinct for each VM of a kernel.
	Actor sim.Actor

	Profile  probes.Profile
	Resolved spec.Resolved
	// DomainDelay is the time from the start of a container to the start of
	// its domain; >= 0.
	DomainDelay time.Duration
	// Annotation is the value of kubevirt.io/pause-guest-agent-probes that
	// each VMI is created with (GA-PAUSE-ANNOT); empty: none.
	Annotation string
	// LauncherHangs keeps the container alive when its domain is gone, so
	// that only SIGKILL at the pod's grace ends it.
	LauncherHangs bool
	// Rules deviate from the law; nil for a platform that means well.
	Rules *Rules
}

// Guest is the machine inside. Calls are commands; what comes of them is told
// through the VM's methods. A command that makes no sense is ignored.
type Guest interface {
	// Boot starts the domain in the pod of that instance.
	Boot(instance int32)
	// ACPIShutdown presses the power button; in the kubernetes profile it is
	// SIGTERM to the container. The guest answers by PoweredOff, or never.
	ACPIShutdown()
	// Destroy ends the guest at once; it is not told back.
	Destroy()
	// Pause and Resume stop and continue its virtual processors.
	Pause()
	Resume()
	// Move hands the running guest over to the pod of that instance.
	Move(instance int32)
}

// Container is a container that starts.
type Container struct {
	Instance int32
	// Pod is the instance number of the first container of its pod. When it
	// differs from Instance the container is a restart in place, and the
	// workers of the pod go on with it.
	Pod int32
	// At is the instant of its start, never later than now.
	At time.Duration
	// Target tells that it is the target of a live migration.
	Target bool
}

// Prober is told by the platform what happens to pods and containers.
type Prober interface {
	ContainerStarted(c Container)
	// ContainerStopped says that the container of that instance is over;
	// willRestart: another one follows in the same pod. Otherwise the pod's
	// workers are done.
	ContainerStopped(instance int32, willRestart bool)
	// Terminating says that the pod is being deleted (TERM-LIVENESS-OFF).
	Terminating(instance int32)
	// Trigger asks for a readiness run out of turn (TIM-READY-MANUAL).
	Trigger(instance int32)
}

// New prepares a VM; nothing happens before Start.
func New(c Config) (*VM, error) {
	v := new(VM)
	if err := v.Renew(c); err != nil {
		return nil, err
	}
	return v, nil
}

// Renew makes the VM a new one, as New does, in its old memory. Its kernel was
// reset, and nobody uses it any more.
func (v *VM) Renew(c Config) error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("platform: "+what))
		}
	}
	need(c.Kernel != nil, "a kernel is needed")
	need(c.Sink != nil, "a sink is needed")
	need(c.Guest != nil, "a guest is needed")
	need(c.Prober != nil, "a prober is needed")
	need(c.Name != "", "a VM needs a name")
	need(c.DomainDelay >= 0, "the domain cannot start before its container")
	need(c.Resolved.Grace >= 0 && c.Resolved.PodGrace >= 0, "grace periods cannot be negative")
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.Publisher == nil {
		c.Publisher = Null{}
	}
	c.Resolved.RunStrategy = c.Resolved.RunStrategy.Started()
	*v = VM{cfg: c, k: c.Kernel, pods: v.pods[:0]}
	for i := range c.Resolved.Probes {
		if p := &c.Resolved.Probes[i]; int(p.Kind) < len(v.probes) {
			v.probes[p.Kind] = p
		}
	}
	v.k.Init(&v.vmiTimer, c.Actor, v.syncVMI)
	v.k.Init(&v.gateTimer, c.Actor, v.syncGate)
	return nil
}
