// Package door is how a prober written in Go is put to the test, in virtual
// time and over the simulated network, from an ordinary go test:
//
//	func TestConformance(t *testing.T) {
//		conformance.Test(t, func() door.Prober { return door.Containers(probe) })
//	}
//
//	func probe(ctx context.Context, p *door.Probe, c door.Container) {
//		client := &http.Client{Transport: p.Transport(), Timeout: p.Spec.Timeout}
//		...
//		p.Report(door.State{Instance: c.Instance, Healthy: true})
//	}
//
// There are several levels, by how much of the prober is the vendor's, and by
// what it waits for:
//
//   - a handler makes one try of a probe on the calling goroutine; our engine
//     decides when, and what follows (package kernel, conformance.TestTry);
//   - the same for a handler that needs goroutines, package time or an
//     http.Transport (package driven, conformance.Test);
//   - a worker is a whole prober in one function, which waits through the dialer
//     and the Sleep that it is given alone (package kernel,
//     conformance.TestWorker);
//   - a [Prober] is a whole prober, unmodified: its own goroutines, package
//     time, net/http. It runs in a bubble (package bubble, conformance.Test);
//   - the same with a net.Dialer of its own, put on the simulated network by a
//     build overlay (package overlay, conformance.Overlay).
//
// A prober that takes a clock.Clock of benbjohnson/clock is given clock.New(): a
// bubble makes it virtual. clock.Mock is for unit tests; it moves when somebody
// moves it.
package door
