//go:build !linux

package daemon

import "os/exec"

// Supported tells whether this system has what a keeper needs.
const Supported = false

// Keep returns: there are no keepers.
func Keep() {}

func keeper(string, string, string, *owner) *exec.Cmd { return nil }
