package engine_test

// stateCommand draws the worker, and when it wants to be woken.
//
// Example:
//
//	state at=12s
func stateCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	wake := "never"
	if at, ok := s.worker.WakeAt(); ok {
		wake = at.String()
	}
	s.say("%v; wake %s", s.worker.State(), wake)
	return nil
}
