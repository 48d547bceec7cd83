// Package libvirt is the testbed "libvirt": every VM of a case is a domain of a
// real libvirt, with the guest and the real guest agent of testbed "qemu".
// Agent commands go through libvirt: its error codes, its waits, its lock and
// its sticky errors are its own. What the domain does, libvirt tells.
//
// KubeVirt's launcher never passes the probe's timeout to libvirt, so that
// guest-sync and command wait five seconds each; profile openshift-doc wants
// the timeout to bound them, and there the response timeout of the domain is
// set.
//
//	bed.go          the testbed
//	unsupported.go  what it cannot express
//	lab.go          where domains are made
//	domain.go       one domain
//	xml.go          its description
//
// Below: virt is the way to libvirt and to the agents of its domains, daemon
// runs one of our own.
package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// Name is the word of --testbed.
const Name = "libvirt"

// Bed is the testbed "libvirt". Use New; Close ends what it leaves.
type Bed struct {
	*qemu.Bed
	lab *lab
}

// Config says on which libvirt the domains are made.
type Config struct {
	// URI is the user's own libvirt; empty: a daemon of our own, without
	// privileges, that ends with the testbed.
	URI string
	// Tool is the version written into traces, Say gets notes for the user.
	Tool string
	Say  func(string)
}

// Missing tells whether an error says that something has to be installed or
// built first; its text says what.
func Missing(err error) bool {
	return errors.Is(err, virt.ErrNotBuilt) || errors.Is(err, daemon.ErrMissing) || errors.Is(err, image.ErrNone)
}

// New makes the testbed and connects to libvirt.
func New(ctx context.Context, cfg Config) (*Bed, error) {
	if !virt.Built() {
		return nil, virt.ErrNotBuilt
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	img, err := image.Find()
	if err != nil {
		return nil, err
	}
	l := newLab(cfg, img)
	if err := l.open(ctx); err != nil {
		_ = l.Close()
		return nil, err
	}
	version, err := l.conn.Version()
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("libvirt: %w", err)
	}
	cfg.Say(fmt.Sprintf("libvirt %s at %s: %s", version, l.place(), l.accel))
	return &Bed{qemu.On(Name, cfg.Tool, l), l}, nil
}
