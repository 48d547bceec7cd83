// Package findings holds what a real KubeVirt does that its users, its guide or
// its authors would not expect: a page for each, which a maintainer can act on,
// and the cases that show it. A page begins with a block of YAML:
//
//	title         what happens, in a sentence
//	requirements  the rules that it is about
//	cases         the cases that show it: they pass where it is so
//	observed      reproduced, refuted or "not run", with the reason
//	kubevirt      the version that was asked
//
// Then come the sections of a bug report: what happened and what was expected, a
// manifest and commands, the environment, places in the sources at that version,
// the history as far as it is known, and what could be done.
//
// The test of package kubevirt runs the cases on a cluster and holds the word
// "reproduced" against what comes out. The tests here hold the manifest against
// KubeVirt's rules, and the places against the sources where those are in Go's
// module cache.
package findings
