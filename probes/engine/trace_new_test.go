package engine_test

import (
	"time"

	"github.com/vmprobe/vmprobe/probes/engine"
)

// newCommand begins a worker; the defaults are those of the API.
//
// Example:
//
//	new readiness at=0s delay=10s period=10s failure=3 success=1 tries=3 jitter=0s gate resume
func newCommand(s *stage, a args) error {
	cfg := engine.Config{
		InitialDelay:     a.duration("delay", 0),
		Period:           a.duration("period", 10*time.Second),
		FailureThreshold: a.int32("failure", 3),
		SuccessThreshold: a.int32("success", 1),
		Tries:            a.int32("tries", 3),
		StartJitter:      a.duration("jitter", 0),
		StartupGate:      a.has("gate"),
		Resume:           a.has("resume"),
	}
	for _, k := range kinds {
		if a.has(k.String()) {
			cfg.Kind = k
		}
	}
	s.now = a.duration("at", 0)
	s.worker = engine.NewWorker(cfg, s.now)
	return cfg.Validate()
}
