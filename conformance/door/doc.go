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
// There are three levels, by how much of the prober is the vendor's:
//
//   - a handler makes one try of a probe on the calling goroutine; our engine
//     decides when, and what follows (package kernel, conformance.TestTry);
//   - a [Prober] is a whole prober, unmodified: its own goroutines, package
//     time, net/http. It runs in a bubble (package bubble);
//   - the same with a net.Dialer of its own, put on the simulated network by a
//     build overlay (hack/netoverlay).
package door
