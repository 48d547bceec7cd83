package model_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/model"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func onKernel(t rapid.TB, cfg *model.Config, n int, sinks ...trace.Sink) model.Stats {
	t.Helper()
	k := sim.New(cfg.Seed)
	defer k.Close()
	s, err := model.OnKernel(cfg, n, k, nil, sinks...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fleet(t rapid.TB, cfg *model.Config, n int) model.Stats {
	t.Helper()
	s, err := model.Fleet(cfg, 0, 0, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFleetEqualsKernel holds the fast path to the world on a kernel, which
// steps the real engine, on the scenario by which drivers are compared.
func TestFleetEqualsKernel(t *testing.T) {
	const vms = 20
	sums := map[model.Sum]bool{}
	for seed := range uint64(60) {
		cfg := model.Standard(seed, 20*time.Minute)
		fast, slow := fleet(t, &cfg, vms), onKernel(t, &cfg, vms)
		if fast != slow {
			t.Errorf("seed %d:\nfast   %+v\nkernel %+v", seed, fast, slow)
		}
		if fast.Restarts == 0 || fast.Attempts < vms*300 || sums[fast.Sum] {
			t.Errorf("seed %d: too little happened: %+v", seed, fast)
		}
		sums[fast.Sum] = true
	}
}

// rough answers anything: every class, instantly or after several periods.
type rough struct {
	seed    uint64
	longest time.Duration
	errors  int // percent
}

func (r rough) Answer(q model.Query) (time.Duration, probes.Class) {
	index := uint64(q.Instance)<<40 ^ uint64(q.Attempt)<<8 ^ uint64(q.Try)
	draw := sim.Draw(r.seed, uint64(q.VM)<<8^uint64(q.Slot), index)
	latency := time.Duration(sim.Below(draw<<20, uint64(r.longest)))
	classes := []probes.Class{probes.Success, probes.Success, probes.Success, probes.Failure, probes.Failure, probes.Warning}
	if sim.Chance(draw<<40, r.errors) {
		return latency, probes.Errored
	}
	return latency, classes[draw%uint64(len(classes))]
}

// TestFleetEqualsKernelOnAnything draws the probes as well: thresholds,
// delays, attempts that outlast periods, errors with retries.
func TestFleetEqualsKernelOnAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := model.Config{Seed: rapid.Uint64().Draw(t, "seed"), Until: 10 * time.Minute}
		tries := rapid.Int32Range(1, 3).Draw(t, "tries")
		longest := time.Duration(rapid.IntRange(1, 12_000).Draw(t, "longest")) * time.Millisecond
		for range rapid.IntRange(1, 4).Draw(t, "probes") {
			p := engine.Config{
				Kind:             rapid.SampledFrom([]probes.Kind{probes.Readiness, probes.Liveness}).Draw(t, "kind"),
				InitialDelay:     time.Duration(rapid.IntRange(0, 20_000).Draw(t, "delay")) * time.Millisecond,
				Period:           time.Duration(rapid.IntRange(300, 30_000).Draw(t, "period"))*time.Millisecond + 7,
				FailureThreshold: rapid.Int32Range(1, 4).Draw(t, "failures"),
				SuccessThreshold: 1, Tries: tries,
			}
			if p.Kind == probes.Readiness {
				p.SuccessThreshold = rapid.Int32Range(1, 4).Draw(t, "successes")
			}
			cfg.Probes = append(cfg.Probes, p)
		}
		cfg.Respawn = time.Duration(tries)*longest + time.Second
		cfg.Answerer = rough{seed: cfg.Seed, longest: longest, errors: rapid.IntRange(0, 60).Draw(t, "errors")}
		if fast, slow := fleet(t, &cfg, 3), onKernel(t, &cfg, 3); fast != slow {
			t.Fatalf("\nfast   %+v\nkernel %+v\n%+v", fast, slow, cfg)
		}
	})
}

// TestPartsFold runs a fleet in parts and in any order.
func TestPartsFold(t *testing.T) {
	cfg := model.Standard(3, 10*time.Minute)
	whole := fleet(t, &cfg, 50)
	hashes := make([]uint64, 50)
	for _, part := range [][2]int{{30, 50}, {0, 7}, {7, 30}} {
		if _, err := model.Hashes(&cfg, part[0], hashes[part[0]:part[1]]); err != nil {
			t.Fatal(err)
		}
	}
	if got := model.Fold(hashes); got != whole.Sum {
		t.Errorf("parts fold to %v, the whole to %v", got, whole.Sum)
	}
	first, err := model.Fleet(&cfg, 0, 0, 20)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := model.Fleet(&cfg, first.Sum, 20, 30)
	if err != nil {
		t.Fatal(err)
	}
	if rest.Sum != whole.Sum {
		t.Errorf("continued: %v, whole: %v", rest.Sum, whole.Sum)
	}
}

// TestMoreVMsChangeNothing: the records of a VM do not depend on the others.
func TestMoreVMsChangeNothing(t *testing.T) {
	cfg := model.Standard(5, 10*time.Minute)
	few, many := make([]uint64, 5), make([]uint64, 30)
	for _, hashes := range [][]uint64{few, many} {
		if _, err := model.Hashes(&cfg, 0, hashes); err != nil {
			t.Fatal(err)
		}
	}
	for i, h := range few {
		if many[i] != h {
			t.Errorf("VM %d depends on the size of the fleet", i)
		}
	}
}

func TestTrafficIsOrdinary(t *testing.T) {
	cfg := model.Standard(11, time.Hour)
	s := fleet(t, &cfg, 200)
	if perVM := float64(s.Attempts) / 200; perVM < 1040 || perVM > 1080 {
		t.Errorf("%.0f attempts a VM and hour, want about 1,080", perVM)
	}
	if percent := 100 * float64(s.Failures) / float64(s.Attempts); percent < 4 || percent > 5 {
		t.Errorf("%.2f %% of the attempts fail, want 4 to 5", percent)
	}
}

// TestAttemptMustNotOutliveRespawn: what the fast path cannot play, it says.
func TestAttemptMustNotOutliveRespawn(t *testing.T) {
	cfg := model.Standard(1, time.Hour)
	cfg.Respawn = time.Millisecond
	cfg.Answerer = model.AnswerFunc(func(model.Query) (time.Duration, probes.Class) {
		return 9 * time.Second, probes.Failure
	})
	if _, err := model.Fleet(&cfg, 0, 0, 1); err == nil {
		t.Error("no error")
	}
}

func TestValidate(t *testing.T) {
	good := model.Standard(1, time.Hour)
	for name, spoil := range map[string]func(*model.Config){
		"no probes":   func(c *model.Config) { c.Probes = nil },
		"many probes": func(c *model.Config) { c.Probes = make([]engine.Config, model.MaxSlots+1) },
		"bad probe":   func(c *model.Config) { c.Probes = []engine.Config{{}} },
		"startup": func(c *model.Config) {
			c.Probes = []engine.Config{{Kind: probes.Startup, Period: 1, FailureThreshold: 1, SuccessThreshold: 1, Tries: 1}}
		},
		"jitter":      func(c *model.Config) { p := c.Probes[0]; p.StartJitter = 1; c.Probes = []engine.Config{p} },
		"tries":       func(c *model.Config) { p := c.Probes[0]; p.Tries = 1; c.Probes = []engine.Config{c.Probes[0], p} },
		"no answerer": func(c *model.Config) { c.Answerer = nil },
		"no respawn":  func(c *model.Config) { c.Respawn = 0 },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := model.Fleet(&cfg, 0, 0, 1); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestFleetDoesNotAllocatePerVM: a constant for the machine, nothing else.
func TestFleetDoesNotAllocatePerVM(t *testing.T) {
	cfg := model.Standard(1, time.Minute)
	count := func(n int) float64 {
		return testing.AllocsPerRun(3, func() { fleet(t, &cfg, n) })
	}
	if few, many := count(1), count(500); many != few {
		t.Errorf("%v allocations for 1 VM, %v for 500", few, many)
	}
}

// TestSumIsPinned: the same on every architecture, for ever. It changes with
// the meaning of the engine, of draws or of the trace's hash, and only then.
func TestSumIsPinned(t *testing.T) {
	cfg := model.Standard(7, time.Hour)
	if s := fleet(t, &cfg, 100); s.Sum.String() != "e888b7b8c410afaa" || s.Attempts != 107_866 {
		t.Errorf("%+v, sum %v", s, s.Sum)
	}
}
