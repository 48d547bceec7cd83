// Package lockstep is the door for a prober in any language: it speaks package
// protocol over standard input and output, in virtual time. The world is that
// of testbed "sim"; time stands still while the prober thinks, so a run is as
// reproducible as the prober.
//
// With a Ground, the world is one in wall time: the prober decides as before,
// the suite makes the exchanges with real guests, and time goes on (live.go).
//
// session.go is the prober of one case as the world sees it, exchange.go what
// the suite does on its behalf, peer.go the process, bed.go the testbed over a
// pool of processes. Whatever breaks the protocol is an error of the case,
// never a verdict about probing.
package lockstep
