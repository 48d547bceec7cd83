package engine_test

import "github.com/vmprobe/vmprobe/probes/engine"

// terminatingCommand deletes the pod.
//
// Example:
//
//	terminating at=12s
func terminatingCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	s.step(engine.Event{Kind: engine.Terminating})
	return nil
}
