package engine_test

import "github.com/vmprobe/vmprobe/probes/engine"

// wakeCommand wakes the worker at an instant of the caller's choice, without
// the wakes that were due before: a driver that is late, or too early.
//
// Example:
//
//	wake at=12s
func wakeCommand(s *stage, a args) error {
	s.now = max(s.now, a.duration("at", s.now))
	s.step(engine.Event{Kind: engine.Wake})
	return nil
}
