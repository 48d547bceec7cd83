package platform

import (
	"time"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// Pod is what the API shows of a pod.
type Pod struct {
	VM, Namespace string
	Name          string // virt-launcher-VM-N; the VM's own name in the kubernetes profile
	Instance      int32  // of its present container
	Number        int32  // instance of its first container
	Phase         string // Pending, Running, Succeeded, Failed
	Running       bool   // its container
	StartedAt     time.Duration
	StoppedAt     time.Duration // of a container that does not run
	Containers    bool          // ContainersReady condition
	Ready         bool          // Ready condition
	Reason        string        // of the Ready condition
	HasGate       bool          // has the readiness gate (KV-GATE-PAUSED)
	Gate          Tristate
	Terminating   bool
	Restarts      int32
	Killed        bool   // SIGKILL ended its container
	Last          *Ended // the container before the present one; nil: it is the first
}

// Ended is a container that has ended.
type Ended struct {
	Instance             int32
	StartedAt, StoppedAt time.Duration
	Clean, Killed        bool // it ended with 0; SIGKILL ended it
}

// Tristate is a condition that may be missing.
type Tristate uint8

// The values of a condition.
const (
	Missing Tristate = iota
	False
	True
)

// VMI is what the API shows of a virtual machine instance.
type VMI struct {
	VM, Namespace string
	Number        int32 // instance that it began with
	Phase         string
	Ready         bool
	Reason        string // of the Ready condition
	Paused        bool
	Migrating     bool
	Terminating   bool
	Annotation    string // kubevirt.io/pause-guest-agent-probes, empty when absent
}

// Endpoint is one entry of the VM's EndpointSlice.
type Endpoint struct {
	VM, Namespace string
	Pod           string
	Instance      int32
	Ready         bool
	Serving       bool
	Terminating   bool
	Gone          bool // the entry is removed
}

// Event is an event of the API about the VM.
type Event struct {
	VM, Namespace string
	Pod           string
	Instance      int32
	Warning       bool
	Reason        string
	Message       string
}

// Publisher shows the objects of the platform to observers. Calls carry the
// whole state of an object; it is created when it is not there.
type Publisher interface {
	Pod(at time.Duration, p Pod)
	PodDeleted(at time.Duration, p Pod)
	VMI(at time.Duration, v VMI)
	VMIDeleted(at time.Duration, v VMI)
	// Endpoint returns the readiness that a reader of the API sees afterwards.
	Endpoint(at time.Duration, e Endpoint) (ready bool)
	Event(at time.Duration, e Event)
}

// Null publishes nothing; it is for fleets.
type Null struct{}

// Pod does nothing.
func (Null) Pod(time.Duration, Pod) {}

// PodDeleted does nothing.
func (Null) PodDeleted(time.Duration, Pod) {}

// VMI does nothing.
func (Null) VMI(time.Duration, VMI) {}

// VMIDeleted does nothing.
func (Null) VMIDeleted(time.Duration, VMI) {}

// Endpoint returns what it is given.
func (Null) Endpoint(_ time.Duration, e Endpoint) bool { return e.Ready }

// Event does nothing.
func (Null) Event(time.Duration, Event) {}

func (v *VM) record(e trace.Event) {
	e.T = v.k.Now()
	e.VM = v.cfg.Name
	v.cfg.Sink.Record(e)
}

// ClusterEvent records an event of the API about that instance; warning
// selects its type, Warning or Normal.
func (v *VM) ClusterEvent(instance int32, warning bool, reason, message string) {
	v.record(trace.Event{Instance: instance, Kind: trace.ClusterEvent, Value: reason, Msg: message})
	pod := ""
	if p := v.pod(instance); p != nil {
		pod = p.name
	}
	v.cfg.Publisher.Event(v.k.Now(), Event{
		VM: v.cfg.Name, Namespace: v.cfg.Namespace, Pod: pod, Instance: instance,
		Warning: warning, Reason: reason, Message: message,
	})
}

// LauncherEvent is ClusterEvent about the VMI, as virt-launcher writes it: a
// warning.
func (v *VM) LauncherEvent(instance int32, reason, message string) {
	v.record(trace.Event{Instance: instance, Kind: trace.ClusterEvent, Value: reason, Msg: message})
	v.cfg.Publisher.Event(v.k.Now(), Event{
		VM: v.cfg.Name, Namespace: v.cfg.Namespace, Instance: instance, Warning: true, Reason: reason, Message: message,
	})
}
