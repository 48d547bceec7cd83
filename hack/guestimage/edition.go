package main

import "github.com/vmprobe/vmprobe/conformance/qemu/image"

// edition is one of the images.
type edition struct {
	kernel   string   // the package that depends on the newest kernel
	modules  []string // are loaded in this order
	unpack   bool     // the kernel is kept as it is in memory
	tools    []string // that are needed beside apt's
	link     string   // names it in the cache
	variable string   // names it in the environment
}

// cloud is the image of most VMs: its kernel is the smallest there is. virtio
// needs virtio_ring before it.
func cloud() edition {
	return edition{
		kernel: "linux-image-cloud-amd64",
		modules: []string{
			"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
			"failover", "net_failover", "virtio_net", "virtio_console", "pvpanic", "pvpanic-pci", "pvpanic-mmio", "evdev", "button",
		},
		link: image.Current, variable: image.Variable,
	}
}

// generic is the image for VMs with a watchdog, of which the kernel for clouds
// knows nothing. Its kernel is packed by XZ, which takes an emulated processor
// three seconds at every boot.
func generic() edition {
	e := cloud()
	e.kernel, e.unpack, e.tools = "linux-image-amd64", true, []string{"xz"}
	e.modules = append(e.modules, "watchdog", "i6300esb")
	e.link, e.variable = image.WatchdogCurrent, image.WatchdogVariable
	return e
}
