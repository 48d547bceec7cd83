package engine_test

import "github.com/vmprobe/vmprobe/probes/engine"

// clockCommand steps the wall clock.
//
// Example:
//
//	clock at=5s by=1h
func clockCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	s.step(engine.Event{Kind: engine.ClockStepped, By: a.duration("by", 0)})
	return nil
}
