// Package conformance holds the suite: what must be true of a prober, and
// whether it was. Its sub-packages say what the requirements are
// (requirements), how a run is judged (judge), drawn (timeline) and reported
// (report), where cases run (testbed, simbed), how many of them run at once
// (suite, fleet) and what a manifest means (explain).
//
// The suite itself is a Ginkgo suite in this folder's test; the command
// "vmprobe run" runs the same cases.
package conformance
