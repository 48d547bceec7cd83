package probes

import "time"

// A Profile is one dialect of probing: which rules hold and with which
// constants. The knobs are those of semantics section 3.
type Profile struct {
	Name ProfileName
	// DelayExtra is added to every initialDelaySeconds (KV-DELAY-PLUS10).
	DelayExtra time.Duration
	// StrictTimeout rejects timeoutSeconds >= periodSeconds
	// (VAL-TIMEOUT-LT-PERIOD): only the guide demands it.
	StrictTimeout bool
	// StatusDecides makes the HTTP status alone decide, whatever happens to
	// the body (HTTP-BODY-ERROR).
	StatusDecides bool
	// Tries is the number of tries of one attempt while they are Errored.
	Tries int32
	// ExecOuterExtra is added to the timeout of exec and agent probes by the
	// outer executor (GA-TIMEOUT-KUBELET, EX-MAP-KV).
	ExecOuterExtra time.Duration
	// AgentInner is libvirt's fixed wait for guest-sync and again for the
	// command; 0 means the probe's own timeout (GA-TIMEOUT-INNER).
	AgentInner time.Duration
	// SuppressMigration, SuppressPause and PauseAnnotation are the agent-ping
	// exceptions of KubeVirt >= 1.9 (GA-SUPPRESS-MIG, GA-SUPPRESS-PAUSE,
	// GA-PAUSE-ANNOT).
	SuppressMigration, SuppressPause, PauseAnnotation bool
	// VM tells that probes sit on a VM whose virtual machine instance is
	// deleted and recreated; false: a container restarted in place.
	VM bool
	// RecreateAlways makes the liveness action "delete and create a new
	// instance" whatever the runStrategy (guide 14.7.1).
	RecreateAlways bool
	// Startup allows startup probes and probe-level termination grace.
	Startup bool
	// ExecAllowed and AgentAllowed say which handlers exist.
	ExecAllowed, AgentAllowed bool
}

// ProfileName names a profile.
type ProfileName string

// The four profiles.
const (
	OpenShiftDoc   ProfileName = "openshift-doc"
	KubeVirtLegacy ProfileName = "kubevirt-legacy"
	KubeVirt       ProfileName = "kubevirt"
	Kubernetes     ProfileName = "kubernetes"
)

// ProfileNames lists the profiles in the order in which reports show them.
func ProfileNames() []ProfileName {
	return []ProfileName{OpenShiftDoc, KubeVirtLegacy, KubeVirt, Kubernetes}
}

// LookupProfile returns the profile of that name.
func LookupProfile(name ProfileName) (Profile, bool) {
	switch name {
	case OpenShiftDoc:
		return Profile{
			Name: name, StrictTimeout: true, StatusDecides: true, Tries: 1,
			VM: true, RecreateAlways: true, AgentAllowed: true,
		}, true
	case KubeVirtLegacy:
		return kubeVirt(name, false), true
	case KubeVirt:
		return kubeVirt(name, true), true
	case Kubernetes:
		return Profile{Name: name, Tries: 3, Startup: true, ExecAllowed: true}, true
	}
	return Profile{}, false
}

func kubeVirt(name ProfileName, suppress bool) Profile {
	return Profile{
		Name: name, DelayExtra: 10 * time.Second, Tries: 3,
		ExecOuterExtra: time.Second, AgentInner: 5 * time.Second,
		SuppressMigration: suppress, SuppressPause: suppress, PauseAnnotation: suppress,
		VM: true, ExecAllowed: true, AgentAllowed: true,
	}
}
