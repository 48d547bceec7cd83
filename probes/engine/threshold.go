package engine

import "github.com/vmprobe/vmprobe/probes"

// streak is the run of equal results. It belongs to the worker, not to the
// container: a container that ends by itself hands its run to the next one
// (RUN-CARRYOVER); only a verdict that puts the worker on hold clears it.
type streak struct {
	passed bool  // the class of the run, meaningful when length > 0
	length int32 // saturates
}

// count adds one result and tells whether the run has reached its threshold
// (THR-CONSECUTIVE): the n-th equal result decides, not the one after it
// (THR-FAILURE, THR-SUCCESS).
func (s *streak) count(passed bool, c *Config) bool {
	if s.length == 0 || s.passed != passed {
		s.passed, s.length = passed, 0
	}
	if s.length < 1<<31-1 {
		s.length++
	}
	if passed {
		return s.length >= c.SuccessThreshold
	}
	return s.length >= c.FailureThreshold
}

// class names the class of the run.
func (s *streak) class() probes.Class {
	switch {
	case s.length == 0:
		return probes.NoClass
	case s.passed:
		return probes.Success
	default:
		return probes.Failure
	}
}
