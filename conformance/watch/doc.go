// Package watch probes a running libvirt domain as a cluster would probe it:
// package engine decides, in wall time, and what it comes to is told line by
// line. It changes nothing, unless it is told to act.
//
//	watch.go    the life of a watch
//	find.go     the domain, and its address
//	probe.go    the workers and their tries
//	metrics.go  what the kubelet counts, for Prometheus
package watch
