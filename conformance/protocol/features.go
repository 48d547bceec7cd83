package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// The features that a prober may claim: what it probes with, what it does, and
// what a case may do to it.
const (
	HTTPProbes    = "http"
	TCPProbes     = "tcp"
	AgentPing     = "guest-agent-ping"
	ExecProbes    = "exec"
	Restarts      = "restart"        // liveness probes and their verdicts
	StartupProbes = "startup"        // startup probes, and their gate
	NetworkFaults = "network-faults" // loss, partitions, half-open connections
	ProberRestart = "prober-restart" // event proberRestarted
	ClockStep     = "clock-step"     // event clockStepped
	Panics        = "panic"          // event panic
)

// ClusterEvents is offered behind the sockets door: the prober tells the result
// of every attempt, and what virt-launcher would report. Cases that expect
// such events need it; behind the lockstep door every prober tells them.
const ClusterEvents = "events"

// Features lists all of them.
func Features() []string {
	return []string{
		HTTPProbes, TCPProbes, AgentPing, ExecProbes, Restarts, StartupProbes, NetworkFaults, ProberRestart, ClockStep, Panics,
	}
}

// Offer lists the features that hello offers in a run: all of them, and in
// places of their own two canaries, a feature and a kind of probe that do not
// exist. Names and places are drawn from the nonce of the run and from nothing
// else: a prober cannot know them beforehand, and the run can be repeated.
func Offer(nonce string) []string {
	sum := sha256.Sum256([]byte("canary\n" + nonce))
	list := Features()
	for i, words := range [][]string{
		{"dual-stack", "live-resize", "cpu-hotplug", "sidecar-probes", "node-drain", "quorum", "warm-standby", "rate-limit"},
		{"icmp-echo", "snmp-get", "udp", "ntp", "ldap-bind", "smtp-helo", "grpc-stream", "vsock"},
	} {
		part := sum[i*16:]
		name := fmt.Sprintf("%s-%x", words[int(part[0])%len(words)], part[1:5])
		at := int(binary.BigEndian.Uint32(part[5:9]) % uint32(len(list)+1))
		list = slices.Insert(list, at, name)
	}
	return list
}

// Canaries are what is offered and does not exist.
func Canaries(offered []string) []string {
	return slices.DeleteFunc(slices.Clone(offered), func(f string) bool {
		return f == ClusterEvents || slices.Contains(Features(), f)
	})
}
