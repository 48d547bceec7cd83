// Package sockets is the door for a prober in any language that has a clock
// and sockets of its own: real time, real connections. The guests of a case
// stand on the ground of package loopback, one address a VM and a unix socket
// for the guest agent; the prober is told of containers over standard input,
// makes its attempts by itself, and writes what it makes of them to standard
// output (package protocol, Report). It is judged by what it reports and by
// what the guests saw of it (trace.ViewGuest).
//
// # Processes and cases
//
// All cases run at once, so that the suite takes about as long as its longest
// case. How many of them share a process is the prober's word in its hello
// (concurrent): the real ones probe many VMs in one process and should be
// tested so, while a script that knows one case at a time needs no more than
// that. As many processes are started as the cases need, before the first
// clock runs: a hundred interpreters that start would be a load of their own.
// A process that dies loses the cases that it had, no other. A case whose
// story restarts the prober has processes of its own, the next one greeted and
// waiting: the first is killed, and its successor told what runs.
//
// # Lateness
//
// The harness measures by how much it is late itself, in each case: at every
// event of its world, at every beat of 50 ms, at a connection to itself every
// 100 ms, and (on Linux) how long a thread of the prober or of the harness had
// to wait for a processor within a second. A failure that is found while the machine was late by more than a
// quarter of the slack is an error and no verdict.
//
//	bed.go       the testbed over a pool of processes
//	pool.go      who has room for another case
//	process.go   one process: messages, answers, silence
//	watch.go     how late the machine is
//	run.go       the prober of one case as the world sees it
package sockets
