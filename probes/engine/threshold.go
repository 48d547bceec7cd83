package engine

// streak is the run of equal results. It belongs to the worker, not to the
// container: a container that ends by itself hands its run to the next one
// (RUN-CARRYOVER); only a verdict that puts the worker on hold clears it.
type streak struct {
	passed bool  // the class of the run, meaningful when length > 0
	length int32 // up to the threshold; more changes nothing
}

// count adds one result and tells whether the run has reached its threshold
// (THR-CONSECUTIVE): the n-th equal result decides, not the one after it
// (THR-FAILURE, THR-SUCCESS).
func (s *streak) count(passed bool, c *Config) bool {
	if s.passed != passed {
		s.passed, s.length = passed, 0
	}
	threshold := c.FailureThreshold
	if passed {
		threshold = c.SuccessThreshold
	}
	if s.length < threshold {
		s.length++
	}
	return s.length == threshold
}
