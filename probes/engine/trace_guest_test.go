package engine_test

import (
	"strings"
	"time"
)

// guestCommand sets the answers to the tries from here on: a letter a try (S,
// W, F, E, U for unknown, P for a panic) and how long each takes. The last ones
// repeat.
//
// Example:
//
//	guest answers=FFS took=10ms,250ms
func guestCommand(s *stage, a args) error {
	a.d.MaybeScanArgs(a.t, "answers", &s.answers)
	s.tries = 0
	if arg, ok := a.d.Arg("took"); ok {
		s.took = nil
		for text := range strings.SplitSeq(strings.Join(arg.Vals, ","), ",") {
			d, err := time.ParseDuration(text)
			if err != nil {
				return err
			}
			s.took = append(s.took, d)
		}
	}
	return nil
}
