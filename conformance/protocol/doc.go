// Package protocol is what the suite and a prober under test say to each
// other: one JSON object a line, the suite asks, the prober answers. The
// lockstep door speaks all of it in virtual time; doors to probers that keep
// their own time share hello, open, close and the actions that tell of
// transitions (ready, live, started, liveFailed).
//
//	-> {"seq":1,"op":"hello","protocol":1,"offered":["http","icmp-echo-4f1c09ab","tcp",...]}
//	<- {"seq":1,"protocol":1,"implementation":{"name":"acme-prober","version":"1.4.0"},"features":["http","tcp"]}
//	-> {"seq":2,"op":"open","case":"agent-hung@kubevirt","profile":"kubevirt","seed":1,"vms":[...]}
//	<- {"seq":2}
//	-> {"seq":3,"op":"step","nowNs":0,"events":[{"event":"containerStarted","vm":"web","instance":1,"pod":1}]}
//	<- {"seq":3,"do":[{"do":"ready","vm":"web","instance":1,"ok":false}],"wakeAtNs":15000000000}
//	-> {"seq":4,"op":"step","nowNs":15000000000}
//	<- {"seq":4,"do":[{"do":"try","id":1,"vm":"web","instance":1,"probe":"readiness","tcp":{"port":22,"timeoutNs":1000000000}}]}
//	-> {"seq":5,"op":"step","nowNs":15001000000,"events":[{"event":"answer","id":1,"connect":"ok"}]}
//	<- {"seq":5,"do":[{"do":"result","id":1,"class":"success"},{"do":"ready","vm":"web","instance":1,"ok":true}],"wakeAtNs":25000000000}
//	-> {"seq":6,"op":"close"}
//	<- {"seq":6}
//
// # Time
//
// All times are integers in nanoseconds, instants count from the start of the
// case. Time stands still until the prober has answered: a prober reads no
// clock and draws no randomness but from the seed.
//
// # Who decides what
//
// The suite makes the network exchanges that the prober asks for, against the
// fake guest, byte for byte as asked, and tells what came back. Whether that is
// a success, what counts, when to try again, which state follows: the prober
// says. The suite judges what it says by the requirements.
package protocol

// Version of the protocol.
const Version = 1
