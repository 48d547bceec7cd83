// Package kubevirt is the testbed "kubevirt": the cases run on a Kubernetes
// cluster of which nothing but a kubeconfig is known. What probes there is
// under test: for the cases of profile kubernetes that a pod can express it is
// the kubelet. Each case has a namespace of its own, with the scenario's probes
// on a pod whose container is the guest (package guestpod), and a service.
//
// A case of profile kubevirt, or of an older KubeVirt's profile if that is what
// the cluster has, runs as VirtualMachines: the scenario's manifests, in which
// only what is booted is replaced (machine.go). Then all of KubeVirt and the
// kubelet is under test. The guest is the same program on the VM's own kernel
// (package guestd): it is told what it is through the API's proxy of its pod, and
// reports on its serial console, which KubeVirt writes to a log.
//
// What happens is seen from outside, through the API (package observe), and
// judged as every run that is watched from the guest.
//
//	bed.go             the testbed, and what it asks of a cluster beforehand
//	vms.go             the same for VMs
//	client.go          from a kubeconfig to clients; what errors of the API mean
//	manifest.go        the objects of a case of pods
//	machine.go         the VMs of a case, and what is changed in their manifests
//	unsupported.go     what a pod cannot express
//	unsupported_vm.go  what a VM cannot
//	run.go             one case from its namespace to its trace
//	attend.go          the pods of a case as they come to life
//	story.go           what the case does to its pods and VMs
//	insist.go          what is tried again
//	watches.go         what of a case is watched
//	follow.go          watches that survive an outage
//	outage.go          what is not heard of meanwhile
//	timeout.go         requests that nobody answers
//	logs.go            the logs of guests in pods
//	launcher.go        the pods of VMs, and the consoles in them
//	control.go         what guests of VMs are told
//	load.go            how busy the nodes are
//	pulse.go           whether KubeVirt has time
//	namespace.go       owner labels, removal
//	sweep.go           what killed harnesses left behind
package kubevirt
