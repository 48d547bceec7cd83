package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// horizon bounds every instant and interval, so that no sum of two or three of
// them overflows. It is past the 68 years of an int32 of seconds, the widest
// field of the API.
const horizon = time.Duration(1) << 61

// ConfigOf is the worker of a probe that makes so many tries on errors.
func ConfigOf(p *probes.Probe, tries int32) Config {
	return Config{
		Kind: p.Kind, InitialDelay: p.InitialDelay, Period: p.Period,
		FailureThreshold: p.FailureThreshold, SuccessThreshold: p.SuccessThreshold, Tries: tries,
	}
}

// Validate reports every field that is out of its bounds.
func (c Config) Validate() error {
	var errs []error
	reject := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format, args...))
	}
	if c.Kind > probes.Startup {
		reject("unknown probe kind %d", c.Kind)
	}
	if c.InitialDelay < 0 || c.InitialDelay > horizon {
		reject("initial delay %v must be in [0, %v]", c.InitialDelay, horizon)
	}
	if c.Period <= 0 || c.Period > horizon {
		reject("period %v must be in (0, %v]", c.Period, horizon)
	}
	if c.FailureThreshold < 1 {
		reject("failure threshold %d must be at least 1", c.FailureThreshold)
	}
	if c.SuccessThreshold < 1 {
		reject("success threshold %d must be at least 1", c.SuccessThreshold)
	}
	if c.Kind != probes.Readiness && c.SuccessThreshold > 1 {
		reject("success threshold %d of a %v probe must be 1", c.SuccessThreshold, c.Kind)
	}
	if c.Tries < 1 {
		reject("tries %d must be at least 1", c.Tries)
	}
	if c.StartJitter < 0 || c.StartJitter >= c.Period {
		reject("start jitter %v must be in [0, period %v)", c.StartJitter, c.Period)
	}
	return errors.Join(errs...)
}

// delayNeed is how old a container must be for its first attempt. The kubelet
// compares whole seconds, truncated towards zero: 119.999 s is "119" and,
// after the clock was set back, -0.9 s is "0" (TIM-DELAY-NEVER-EARLY).
func (c Config) delayNeed() time.Duration {
	if c.InitialDelay <= 0 {
		return -time.Second + 1
	}
	return c.Rules.need((c.InitialDelay + time.Second - 1) / time.Second * time.Second)
}
