//go:build !linux

package machine

import (
	"errors"
	"os/exec"
)

type spawner struct{}

func (*spawner) start(*exec.Cmd) error { return errors.New("QEMU VMs run on Linux only") }

func (*spawner) close() {}

// Supported tells whether this system can keep QEMUs from outliving it.
const Supported = false
