package engine_test

import (
	"fmt"

	"github.com/vmprobe/vmprobe/probes/engine"
)

// containerCommand tells of a container; "since" is when it started, if not
// now. What the worker does at that very instant comes after it.
//
// Example:
//
//	container started at=3s since=2s
//	container stopped at=9s for-good
func containerCommand(s *stage, a args) error {
	if err := a.at(s); err != nil {
		return err
	}
	switch {
	case a.has("started"):
		s.step(engine.Event{Kind: engine.ContainerStarted, At: a.duration("since", s.now)})
	case a.has("stopped"):
		s.step(engine.Event{Kind: engine.ContainerStopped, WillRestart: !a.has("for-good")})
	default:
		return fmt.Errorf("container what?")
	}
	return nil
}
