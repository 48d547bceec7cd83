// Package bubble runs a whole Go prober, unmodified, in virtual time: in a
// testing/synctest bubble, over the simulated network. Goroutines, package
// time, net/http and clock.New() of benbjohnson/clock work as they are.
//
// # How it is reproducible
//
// The world is the same as without a bubble: one kernel, one network, one
// platform, the same seed. The bubble's clock moves the kernel, under one
// lock. Only the prober's own goroutines are scheduled by Go, which shuffles
// on purpose what happens at one instant. So no two actors ever share one:
// each probe of each pod has a residue of [Quantum] nanoseconds of its own.
// It begins at an instant with this residue, and everything that the world
// tells it (an event, bytes, the end of a dial) waits for the next such
// instant, which takes less than a quantum. A prober whose own durations are
// multiples of the quantum stays on its residue, is alone at each of its
// instants, and the bubble is quiet before anybody else moves: the run is
// reproducible, whatever the number of processors.
//
// A prober that starts everything from one ticker, or draws jitter from a
// clock or a global generator, breaks the rule by itself. [Bed.Check] runs a
// case again and reports the first difference as a finding about the prober.
//
// # What blocks and what does not
//
// Virtual time moves when every goroutine of the bubble is durably blocked: on
// a channel or select of the bubble, time.Sleep, sync.Cond.Wait, a WaitGroup
// of the bubble. It does not move while one waits for a mutex, for a channel
// made outside, in a system call, for a real socket, a file or a process. Such
// a wait that ends is harmless, it only takes no virtual time; one that does
// not end is reported by [Bed.Run] after [Bed.Patience] of real time, as a
// *[Stuck] that shows the goroutine. A goroutine that is still there when the
// prober was told to end and an hour of virtual time has passed is reported as
// a *[Leak]. A panic in a goroutine that the prober itself has started ends
// the process, as everywhere in Go; one in Probe is an error of the case.
package bubble
