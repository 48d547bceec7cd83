package platform

import (
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Phases of a VMI, and of a pod in the kubernetes profile.
const (
	pending   = "Pending"
	scheduled = "Scheduled"
	running   = "Running"
	succeeded = "Succeeded"
	failed    = "Failed"
)

// VM is one virtual machine (or pod) and everything around it.
type VM struct {
	cfg    Config
	k      *sim.Kernel
	probes [3]*probes.Probe // by kind, nil when there is none

	instances int32 // containers so far
	started   bool
	active    *pod // runs the domain; nil between two VMIs
	target    *pod // of a migration under way
	pods      []*pod
	migration migration

	vmi       VMI
	vmiExists bool
	vmis      int    // VMIs so far; tells a callback that its VMI is gone
	final     string // the phase that the VMI will end in, once the domain is over
	outcome   outcome
	pause     pauses

	ran           bool // the VMI has been Running
	startFailures int  // VMIs in a row that failed before that

	vmiTimer, gateTimer sim.Timer
	vmiArmed, gateArmed bool
}

// outcome says why the present instance ends.
type outcome struct {
	liveness bool // a liveness or startup failure
	deleted  bool // the VMI (or pod) is being deleted
}

// Start creates the VMI and starts its first container, at the present
// instant. Further calls do nothing.
func (v *VM) Start() {
	if v.started {
		return
	}
	v.started = true
	v.createVMI()
	v.startPod(false)
}

// Name is the name of the VM.
func (v *VM) Name() string { return v.cfg.Name }

// Active is the instance that runs the VM's domain (or the pod's container),
// and whether there is one.
func (v *VM) Active() (instance int32, ok bool) {
	if v.active == nil {
		return 0, false
	}
	return v.active.instance, v.active.running
}

// Running lists the instances whose containers run, in order.
func (v *VM) Running() []int32 {
	var list []int32
	for _, p := range v.pods {
		if p.running {
			list = append(list, p.instance)
		}
	}
	return list
}

// Phase is the phase of the VMI, or of the pod in the kubernetes profile;
// empty when there is none.
func (v *VM) Phase() string {
	if !v.vmiExists {
		return ""
	}
	return v.vmi.Phase
}

// Ready is the VM's Ready condition and its reason.
func (v *VM) Ready() (ready bool, reason string) { return v.vmi.Ready, v.vmi.Reason }

// createVMI makes the object; its pod follows.
func (v *VM) createVMI() {
	v.vmis++
	v.outcome, v.final, v.ran = outcome{}, "", false
	v.pause = pauses{}
	v.vmi = VMI{
		VM: v.cfg.Name, Namespace: v.cfg.Namespace, Number: v.instances + 1,
		Phase: pending, Reason: "PodNotExists", Annotation: v.cfg.Annotation,
	}
	v.vmiExists = true
	if v.cfg.Profile.VM {
		v.record(trace.Event{Instance: v.vmi.Number, Kind: trace.VMICreated})
	}
	v.publishVMI()
}

// deleteVMI removes it, with its pods.
func (v *VM) deleteVMI() {
	v.active = nil
	for _, p := range v.pods {
		v.stopContainer(p, "Killed", false) // a migration's pod that lingers
		v.removePod(p)
	}
	v.pods = v.pods[:0]
	v.syncVMI()
	if v.cfg.Profile.VM {
		v.record(trace.Event{Instance: v.vmi.Number, Kind: trace.VMIDeleted})
		v.cfg.Publisher.VMIDeleted(v.k.Now(), v.vmi)
	}
	v.vmiExists = false
}

// setPhase moves the phase a little later.
func (v *VM) setPhase(phase string) {
	v.afterInVMI(PhaseLatency, func() { v.enterPhase(phase) })
}

func (v *VM) enterPhase(phase string) {
	if v.vmi.Phase == phase || v.isFinal() {
		return
	}
	v.vmi.Phase = phase
	if phase == running {
		v.ran, v.startFailures = true, 0
	}
	v.record(trace.Event{Instance: v.activeInstance(), Kind: trace.VMIPhase, Value: phase})
	v.publishVMI()
	v.touchVMI()
}

func (v *VM) isFinal() bool { return v.vmi.Phase == succeeded || v.vmi.Phase == failed }

func (v *VM) activeInstance() int32 {
	if v.active == nil {
		return v.vmi.Number
	}
	return v.active.instance
}

// publishVMI shows the object; the kubernetes profile has none.
func (v *VM) publishVMI() {
	if !v.cfg.Profile.VM || !v.vmiExists {
		return
	}
	v.vmi.Paused = v.pause.any()
	v.vmi.Migrating = v.migration.running
	v.vmi.Terminating = v.outcome.deleted
	v.cfg.Publisher.VMI(v.k.Now(), v.vmi)
}

func (v *VM) pod(instance int32) *pod {
	for _, p := range v.pods {
		if p.instance == instance {
			return p
		}
	}
	return nil
}

// after runs fn so much later; for rare events, which may allocate.
func (v *VM) after(d time.Duration, fn func()) {
	v.k.Set(v.k.NewTimer(v.cfg.Actor, fn), v.k.Now()+d)
}

// afterInVMI runs fn so much later, if the VMI is still the same.
func (v *VM) afterInVMI(d time.Duration, fn func()) {
	vmi := v.vmis
	v.after(d, func() {
		if v.vmiExists && v.vmis == vmi {
			fn()
		}
	})
}

// The streams of draws of one VM.
const (
	drawStart = iota
	drawRestart
	drawBackOff
)

// between draws a duration in [lo, hi) that belongs to an instance alone.
func (v *VM) between(purpose uint64, instance int32, lo, hi time.Duration) time.Duration {
	stream := 0x706c_0000_0000_0000 ^ uint64(v.cfg.Actor)<<8 ^ purpose
	draw := sim.Draw(v.k.Seed(), stream, uint64(uint32(instance)))
	return lo + time.Duration(sim.Below(draw, uint64(hi-lo)))
}

func (v *VM) podName(instance int32) string {
	if !v.cfg.Profile.VM {
		return v.cfg.Name
	}
	return "virt-launcher-" + v.cfg.Name + "-" + strconv.Itoa(int(instance))
}
