package model_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/model"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// host is a guest that honours the power button after two seconds.
type host struct {
	k  *sim.Kernel
	vm *platform.VM
	on bool
}

func (h *host) Boot(int32) { h.on = true }
func (h *host) Destroy()   { h.on = false }
func (h *host) Pause()     {}
func (h *host) Resume()    {}
func (h *host) Move(int32) {}

func (h *host) ACPIShutdown() {
	if h.on {
		h.on = false
		h.k.Set(h.k.NewTimer(7, h.vm.PoweredOff), h.k.Now()+2*time.Second)
	}
}

// live runs a VM with platform and prober for ten minutes, with a restart of
// the prober, a migration and a panic on the way.
func live(t *testing.T, name probes.ProfileName, seed uint64, tryer func(*sim.Kernel) prober.Tryer, sinks ...trace.Sink) []trace.Event {
	t.Helper()
	k := sim.New(seed)
	defer k.Close()
	profile, _ := probes.LookupProfile(name)
	rec := &trace.Recorder{}
	sink := trace.Tee(append([]trace.Sink{rec}, sinks...))
	d, err := prober.New(prober.Config{Kernel: k, Sink: sink, Tryer: tryer(k), Age: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	list := []probes.Probe{}
	for _, kind := range []probes.Kind{probes.Readiness, probes.Liveness} {
		list = append(list, probes.Probe{
			Kind: kind, Period: 7 * time.Second, FailureThreshold: 2, SuccessThreshold: 1, TerminationGrace: -1,
		})
	}
	pv, err := d.Add(prober.VMConfig{Name: "web", Actor: 100, Probes: list, Tries: profile.Tries})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{k: k}
	h.vm, err = platform.New(platform.Config{
		Kernel: k, Sink: sink, Guest: h, Prober: pv, Name: "web", Actor: 1, Profile: profile,
		Resolved: spec.Resolved{Probes: list, RunStrategy: "Always", Grace: 30 * time.Second, PodGrace: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	pv.Bind(h.vm)
	at := func(d time.Duration, fn func()) { k.Set(k.NewTimer(50, fn), d) }
	at(50*time.Second, pv.PanicNext)
	at(100*time.Second, d.Restart)
	at(200*time.Second, func() { _ = h.vm.Migrate(40*time.Second, true) })
	at(300*time.Second, func() { d.StepClock(time.Hour) })
	h.vm.Start()
	if err := k.Run(10 * time.Minute); err != nil {
		t.Fatal(err)
	}
	return rec.Events
}

// TestPlayback: a world that is fed what came of its tries leads the same life.
func TestPlayback(t *testing.T) {
	for _, profile := range probes.ProfileNames() {
		for seed := range uint64(10) {
			answers := rough{seed: seed, longest: 9 * time.Second, errors: 10}
			var tape model.Recording
			first := live(t, profile, seed, func(k *sim.Kernel) prober.Tryer { return model.NewTryer(k, answers) }, &tape)
			var played *model.Playback
			again := live(t, profile, seed, func(k *sim.Kernel) prober.Tryer {
				played = tape.Tryer(k)
				return played
			})
			if played.Strayed() != 0 {
				t.Errorf("%s, seed %d: %d tries strayed", profile, seed, played.Strayed())
			}
			if diff := cmp.Diff(first, again); diff != "" {
				t.Fatalf("%s, seed %d: lives differ:\n%s", profile, seed, diff)
			}
			kinds := map[trace.Kind]int{}
			for _, e := range first {
				kinds[e.Kind]++
			}
			if kinds[trace.AttemptFinished] < 50 || kinds[trace.ProberRestarted] != 1 || kinds[trace.Ready] == 0 {
				t.Errorf("%s, seed %d: too little happened: %v", profile, seed, kinds)
			}
		}
	}
}

// TestPlaybackStrays: another world is noticed.
func TestPlaybackStrays(t *testing.T) {
	answers := rough{longest: 9 * time.Second}
	var tape model.Recording
	live(t, probes.KubeVirt, 1, func(k *sim.Kernel) prober.Tryer { return model.NewTryer(k, answers) }, &tape)
	var played *model.Playback
	live(t, probes.KubeVirt, 2, func(k *sim.Kernel) prober.Tryer {
		played = tape.Tryer(k)
		return played
	})
	if played.Strayed() == 0 {
		t.Error("a different seed did not stray")
	}
}
