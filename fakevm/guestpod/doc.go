// Package guestpod is the inside of a container that stands for a guest: the
// program that a pod of the testbed "kubevirt" runs. A fakevm.Guest lives on
// the pod's own address; the kubelet probes it.
//
// It gets its script from the environment and tells what happens in its log,
// one guestlog.Report a line, so that nobody needs the pod's network to hear of it. A
// directory that outlives a restart of the container keeps how far the script
// has come. SIGTERM is the power button.
//
//	config.go  what the container is given
//	state.go   what outlives a restart
//	daemon.go  its life
//
// The package is exempt from the determinism rules of its parent, as oshost is.
package guestpod
