//go:build !libvirt

package virt

const built = false

func open(string, func(Event)) (Conn, error) { return nil, ErrNotBuilt }
