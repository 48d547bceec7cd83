package bounds_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

const s = time.Second

// guide is the sample of 14.7.6: 120/20/10/3/3, in a profile.
func guide(t *testing.T, name probes.ProfileName, kind probes.Kind) (probes.Probe, probes.Profile) {
	t.Helper()
	profile, ok := probes.LookupProfile(name)
	if !ok {
		t.Fatalf("no profile %s", name)
	}
	p := probes.Probe{
		Kind: kind, Handler: probes.HTTPGet, InitialDelay: 120*s + profile.DelayExtra, Period: 20 * s, Timeout: 10 * s,
		FailureThreshold: 3, SuccessThreshold: 3,
	}
	p.HTTP.Port.Number = 1500
	return p, profile
}

// Reference: semantics 1.3, "Guide 14.7.6 sample".
func TestGuideSample(t *testing.T) {
	for _, c := range []struct {
		profile   probes.ProfileName
		first, up bounds.Window
	}{
		{probes.OpenShiftDoc, bounds.Window{Lo: 120 * s, Hi: 140 * s}, bounds.Window{Lo: 160 * s, Hi: 180 * s}},
		{probes.Kubernetes, bounds.Window{Lo: 120 * s, Hi: 140 * s}, bounds.Window{Lo: 160 * s, Hi: 180 * s}},
		{probes.KubeVirt, bounds.Window{Lo: 130 * s, Hi: 150 * s}, bounds.Window{Lo: 170 * s, Hi: 190 * s}},
		{probes.KubeVirtLegacy, bounds.Window{Lo: 130 * s, Hi: 150 * s}, bounds.Window{Lo: 170 * s, Hi: 190 * s}},
	} {
		p, profile := guide(t, c.profile, probes.Readiness)
		b := bounds.Of(p, profile)
		if b.First != c.first || b.Up != c.up || b.UpEarliest != c.first.Lo {
			t.Errorf("%s: first %v, up %v, earliest %v", c.profile, b.First, b.Up, b.UpEarliest)
		}
		// loss detected 40..70 s after the fault, whatever the fault is
		lo, hi := 2*time.Hour, time.Duration(0)
		for _, f := range b.Faults {
			if f.Detected {
				lo, hi = min(lo, f.Detect.Lo), max(hi, f.Detect.Hi)
			}
		}
		if lo != 40*s || hi != 70*s {
			t.Errorf("%s: detected in [%v, %v]", c.profile, lo, hi)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		profile probes.ProfileName
		handler probes.Handler
		mode    bounds.Mode
		timeout time.Duration
		class   probes.Class
		attempt bounds.Window
	}{
		{"a stalled body is an error of three tries", probes.KubeVirt, probes.HTTPGet, bounds.BodyStall, 2 * s, probes.Errored, bounds.Window{Lo: 6 * s, Hi: 6 * s}},
		{"in the guide the status decides", probes.OpenShiftDoc, probes.HTTPGet, bounds.BodyStall, 2 * s, probes.Success, bounds.Window{Hi: 2 * s}},
		{"a hung process still accepts", probes.KubeVirt, probes.TCPSocket, bounds.Hang, 2 * s, probes.Success, bounds.Window{}},
		{"a lost SYN lasts the timeout", probes.KubeVirt, probes.TCPSocket, bounds.Blackhole, 2 * s, probes.Failure, bounds.Window{Lo: 2 * s, Hi: 2 * s}},
		{"short T: the kubelet kills virt-probe", probes.KubeVirt, probes.GuestAgentPing, bounds.AgentHung, s, probes.Failure, bounds.Window{Lo: 2 * s, Hi: 2 * s}},
		{"T = 4 is a race", probes.KubeVirt, probes.GuestAgentPing, bounds.AgentHung, 4 * s, probes.Failure, bounds.Window{Lo: 5 * s, Hi: 5 * s}},
		{"long T: libvirt gives up after 5 to 10 s", probes.KubeVirtLegacy, probes.GuestAgentPing, bounds.AgentHung, 30 * s, probes.Failure, bounds.Window{Lo: 5 * s, Hi: 10 * s}},
		{"the guide knows only T", probes.OpenShiftDoc, probes.GuestAgentPing, bounds.AgentHung, 30 * s, probes.Failure, bounds.Window{Lo: 30 * s, Hi: 30 * s}},
		{"exec in the guest gives up near 1.1 T", probes.KubeVirt, probes.Exec, bounds.Hang, 20 * s, probes.Failure, bounds.Window{Lo: 20 * s, Hi: 21 * s}},
		{"exec in a container ends at T", probes.Kubernetes, probes.Exec, bounds.Hang, 20 * s, probes.Failure, bounds.Window{Lo: 20 * s, Hi: 20 * s}},
	} {
		profile, _ := probes.LookupProfile(c.profile)
		p := probes.Probe{Handler: c.handler, Period: 10 * s, Timeout: c.timeout, FailureThreshold: 1, SuccessThreshold: 1}
		p.HTTP.Port.Number, p.TCP.Port.Number = 80, 80
		f := bounds.FaultOf(p, profile, c.mode)
		if f.Class != c.class || f.Attempt != c.attempt || f.Detected != (c.class == probes.Failure) {
			t.Errorf("%s: class %v, attempt %v, detected %v", c.name, f.Class, f.Attempt, f.Detected)
		}
	}
}

// Reference: semantics TIM-TICK-DROP.
func TestAttemptsLongerThanThePeriod(t *testing.T) {
	p := probes.Probe{Period: s, FailureThreshold: 3, SuccessThreshold: 2}
	long := bounds.Window{Lo: 5 * s, Hi: 5 * s}
	want := bounds.Window{Lo: 15 * s, Hi: 16 * s} // three attempts back to back
	if diff := cmp.Diff(want, bounds.Detect(p, long)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(bounds.Window{Lo: 0, Hi: 6 * s}, bounds.Recover(p, long)); diff != "" {
		t.Error(diff)
	}
}

func TestUnresolvedPortIsNeverDetected(t *testing.T) {
	p, profile := guide(t, probes.KubeVirt, probes.Liveness)
	p.HTTP.Port = probes.Port{Name: "web"}
	for _, f := range bounds.Of(p, profile).Faults {
		if f.Detected || f.Class != probes.Errored {
			t.Errorf("%s: %v", f.Mode, f.Class)
		}
	}
}

func TestHugeNumbersDoNotOverflow(t *testing.T) {
	p := probes.Probe{
		Handler: probes.HTTPGet, InitialDelay: (1<<31 - 1) * s, Period: (1<<31 - 1) * s, Timeout: (1<<31 - 1) * s,
		FailureThreshold: 1<<31 - 1, SuccessThreshold: 1<<31 - 1,
	}
	p.HTTP.Port.Number = 80
	for _, name := range probes.ProfileNames() {
		profile, _ := probes.LookupProfile(name)
		b := bounds.Of(p, profile)
		for _, w := range []bounds.Window{b.First, b.Up, b.Faults[0].Detect, b.Faults[0].Recover} {
			if w.Lo < 0 || w.Hi < w.Lo {
				t.Errorf("%s: %v", name, w)
			}
		}
	}
}
