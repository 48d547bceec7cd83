// Package platform is what happens around a prober when it speaks: the
// kubelet, virt-controller, virt-handler, virt-launcher and the endpoint
// controller, reduced to what they do to one VM (semantics 1.8). It turns
// probe states into the Ready condition and the EndpointSlice entry, and
// liveness failures into kills and new instances, in the dialect of a profile.
//
// A [VM] is an event-driven state machine on a sim.Kernel. It is told what
// others do through its methods, and acts through four interfaces:
//
//	v, err := platform.New(platform.Config{Kernel: k, Sink: sink, Guest: g, Prober: p, ...})
//	v.Start()                                  // at instant 0: the first container starts
//
//	prober     -> v.ReadyChanged, StartupChanged, LivenessFailed, ClusterEvent
//	guest      -> v.PoweredOff, Crashed, Suspended, Woke
//	the story  -> v.Pause, Unpause, SuspendIO, Snapshot, Migrate, Delete, Evict,
//	              StopContainer, Annotate, Sync
//	the agent  -> v.Domain(instance)           // what libvirt in that pod would say
//
// All calls come from the kernel's thread.
//
// # Instances
//
// An instance is one container of the VM, numbered from 1 in the order of
// their starts. In the VM profiles each has a pod and, unless a migration
// made it, a VirtualMachineInstance of its own; in the kubernetes profile the
// pod of instance 1 stays and its containers follow one another. VMICreated
// and VMIDeleted carry the instance that the VMI began with, other events of a
// VMI the one that runs its domain.
//
// # What is recorded
//
// The platform records the kinds of package trace from VMICreated to
// ClusterEvent. What a guest does (guest-boot, guest-power) is recorded by
// its host. "ready" is the VM's Ready condition, the Pod's in the kubernetes
// profile; it and "endpoint" begin as false and are recorded when they
// change. "vmi-phase" is the Pod's phase in the kubernetes profile.
//
// # Latencies
//
// Controllers take a little time, always the same (see the constants); a
// verdict of the prober reaches Ready after 90 ms (50 ms in the kubernetes
// profile) and the EndpointSlice after 130 ms. Only the start of a container
// varies, seeded, so that the phases of ticks are free.
package platform
