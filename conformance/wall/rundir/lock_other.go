//go:build !linux

package rundir

import "os"

// Hold does nothing: it needs locks that end with a process.
func Hold(string) (*os.File, error) { return nil, nil } //nolint:nilnil // nothing is held here

// Sweep does nothing, see [Hold].
func Sweep(string) {}
