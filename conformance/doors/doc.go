// Package doors proves that the way to a prober does not matter: our own goes
// through every door, in every case that the door can run, and comes to the
// same verdict; where time is virtual, it leaves the same trace. It has nothing but
// its test, whose table has a row for each door.
package doors
