// Package conformance holds the suite: what must be true of a prober, and
// whether it was. Its sub-packages say what the requirements are
// (requirements), how a run is judged (judge), drawn (timeline) and reported
// (report), where cases run (testbed, simbed), how many of them run at once
// (suite, fleet), how a run goes from selection to report (campaign) and what a
// manifest means (explain).
//
// The suite is a Ginkgo suite in this folder's test; the command "vmprobe
// conformance" runs the same cases and writes the same report.
package conformance
