// Package bench compares the simulator with what one could have used instead,
// side by side in one run, on one scenario: [VMs] virtual machines, an HTTP
// readiness probe each, a connection for each attempt, answers after 2 to 50
// ms. The contestants are
//
//   - world: what vmprobe runs its cases in, with engine, platform, scripted
//     guests and a stream of events;
//   - codec: a task for each attempt on a sim.Kernel, bytes over sim/network,
//     the request and response through net/http's codec;
//   - fast: the same with the attempts of probes/attempt;
//   - bubble: unmodified net/http client and server in a testing/synctest
//     bubble, over in-memory pipes;
//   - mock: goroutines on the Mock of benbjohnson/clock, net/http's codec over
//     in-memory pipes.
//
// The whole world has benchmarks of its own in conformance/simbed, the embedded
// suite in conformance/suite, the byte-free twin in sim/model. Beside benchmarks
// there is only [CPUTime], for them.
//
//	go test -run=^$ -bench=. ./sim/bench
package bench

import "time"

// The scenario.
const (
	// VMs is the size of the fleet.
	VMs = 100
	// Period is the distance of attempts.
	Period = 10 * time.Second
	// Timeout of an attempt.
	Timeout = time.Second
)
