// Package findings holds what a real KubeVirt does that its users, its guide or
// its authors would not expect: a page for each, which a maintainer can act on,
// and the cases that show it. A page begins with a block of YAML:
//
//	title         what happens, in a sentence
//	requirements  the rules that it is about
//	cases         the cases that show it: they pass where it is so
//	differs       cases that fail where it is so, as the simulator does otherwise
//	observed      reproduced, refuted or "not run", with the reason
//	kubevirt      the version that was asked
//
// The test of package kubevirt runs the cases on a cluster and holds the word
// "reproduced" against what comes out.
package findings
