package engine_test

import "github.com/vmprobe/vmprobe/probes/engine"

// triggerCommand asks for an unscheduled run.
//
// Example:
//
//	trigger at=12s
func triggerCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	s.step(engine.Event{Kind: engine.Trigger})
	return nil
}
