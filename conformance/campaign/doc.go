// Package campaign is one run of the suite from the selection of cases to the
// written report: what "vmprobe run", "vmprobe conformance" and the Ginkgo
// suite have in common. All of them report the same bytes for the same
// selection.
package campaign
