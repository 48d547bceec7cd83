package engine_test

// runCommand lets time pass: wakes and answers up to and at an instant.
//
// Example:
//
//	run until=60s
func runCommand(s *stage, a args) error {
	return s.runTo(a.duration("until", s.now), true)
}
