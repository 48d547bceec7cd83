package engine_test

import "github.com/vmprobe/vmprobe/probes/engine"

// startupPassedCommand opens the startup gate.
//
// Example:
//
//	startup-passed at=12s
func startupPassedCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	s.step(engine.Event{Kind: engine.StartupPassed})
	return nil
}
