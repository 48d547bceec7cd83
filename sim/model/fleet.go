package model

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// MaxSlots is the greatest number of probes of one VM of a fleet.
const MaxSlots = 8

// Config is the scenario of a fleet: VMs of the same probes, each with answers
// of its own. A failed liveness ends the container at once; a new pod's
// container starts Respawn later.
type Config struct {
	Seed     uint64
	Probes   []engine.Config // 1..MaxSlots; no startup probes
	Answerer Answerer        // a function of the query alone; asked ahead of time
	// Respawn is the time from a liveness failure to the next container; > 0,
	// and longer than any attempt.
	Respawn time.Duration
	// Until is the end of the run; events at it still happen.
	Until time.Duration
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Probes) == 0 || len(c.Probes) > MaxSlots {
		errs = append(errs, fmt.Errorf("model: a VM has 1 to %d probes, not %d", MaxSlots, len(c.Probes)))
	}
	for i, p := range c.Probes {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("model: probe %d: %w", i, err))
		}
		if p.Kind == probes.Startup || p.StartupGate || p.Resume || p.StartJitter != 0 {
			errs = append(errs, fmt.Errorf("model: probe %d: startup probes and young probers need a kernel", i))
		}
	}
	for i, p := range c.Probes {
		if p.Tries != c.Probes[0].Tries {
			errs = append(errs, fmt.Errorf("model: probe %d: tries differ", i))
		}
	}
	if c.Answerer == nil {
		errs = append(errs, errors.New("model: an answerer is needed"))
	}
	if c.Respawn <= 0 {
		errs = append(errs, fmt.Errorf("model: respawn %v must be positive", c.Respawn))
	}
	return errors.Join(errs...)
}

// oldAge makes a prober old enough that no worker jitters, and none begins
// with the process.
func (c *Config) oldAge() time.Duration {
	age := time.Duration(0)
	for _, p := range c.Probes {
		age = max(age, 2*p.Period)
	}
	return age
}

// Stats counts what happened in a fleet.
type Stats struct {
	VMs      int
	Attempts uint64
	Failures uint64 // attempts that failed
	Flips    uint64 // published states that changed
	Restarts uint64 // liveness verdicts
	Sum      Sum
}

// Fleet runs VMs first to first+n-1 one after the other and folds their
// hashes, beginning with from, the Sum of the VMs before; the zero Sum begins
// a fleet. It allocates a constant, whatever n.
func Fleet(c *Config, from Sum, first, n int) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	s := Stats{VMs: n, Sum: from}
	m := newMachine(c)
	for vm := first; vm < first+n; vm++ {
		s.Sum = s.Sum.with(m.run(vm))
	}
	s.Attempts, s.Failures, s.Flips, s.Restarts = m.attempts, m.failures, m.flips, m.restarts
	return s, m.err
}

// Hashes runs the VMs like Fleet and stores the hash of each, so that parts of
// a fleet may run in any order and be folded by [Fold].
func Hashes(c *Config, first int, into []uint64) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	m := newMachine(c)
	for i := range into {
		into[i] = m.run(first + i)
	}
	return Stats{
		VMs: len(into), Attempts: m.attempts, Failures: m.failures,
		Flips: m.flips, Restarts: m.restarts, Sum: Fold(into),
	}, m.err
}

// Fold combines the hashes of VMs in their order.
func Fold(vms []uint64) Sum {
	var s Sum
	for _, h := range vms {
		s = s.with(h)
	}
	return s
}
