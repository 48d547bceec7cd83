// Package kubevirt is the testbed "kubevirt": the cases run on a Kubernetes
// cluster of which nothing but a kubeconfig is known. What probes there is
// under test: for the cases of profile kubernetes that a pod can express it is
// the kubelet. Each case has a namespace of its own, with the scenario's probes
// on a pod whose container is the guest (package guestpod), and a service.
//
// What happens is seen from outside, through the API (package observe), and
// judged as every run that is watched from the guest. VMs of KubeVirt are not
// run yet: such a case is not-run with the reason.
//
//	bed.go          the testbed, and what it asks of a cluster beforehand
//	client.go       from a kubeconfig to clients; what errors of the API mean
//	manifest.go     the objects of a case
//	unsupported.go  what a pod cannot express
//	run.go          one case from its namespace to its trace
//	story.go        what the case does to its pods
//	follow.go       watches that survive an outage
//	logs.go         the logs of guests
//	namespace.go    owner labels, removal
//	sweep.go        what killed harnesses left behind
package kubevirt
