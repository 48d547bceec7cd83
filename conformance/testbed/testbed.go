// Package testbed says what a ground for cases is: the simulator, loopback
// sockets, QEMU VMs or a cluster. A case says nothing about its testbed; a
// testbed says which cases it cannot express.
package testbed

import (
	"context"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Testbed runs cases. A testbed is safe for concurrent use.
type Testbed interface {
	// Name is the word of --testbed and of reports.
	Name() string
	// Unsupported says why the testbed cannot express the case; empty when
	// it can. Such a case is reported as not-run with this reason.
	Unsupported(c *scenarios.Case) string
	// Run runs the case to its end and returns what happened. The error says
	// that the harness could not run it, never that a prober is wrong.
	Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error)
}
