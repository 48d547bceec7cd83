package machine

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// MAC is that of every guest: a template has one.
const MAC = "52:54:00:00:00:15"

// Memory is what a guest has, in MiB: the larger kernel, which knows of watchdogs,
// has to unpack, and the agent to encode an output of 10 MB. What is not used
// takes no memory of the host.
const Memory = 192

// The files in the directory of a machine.
const (
	netSocket     = "net"
	agentSocket   = "qga"
	controlSocket = "ctl"
	qmpSocket     = "qmp"
	serialLog     = "serial"
	qemuLog       = "qemu.log"
)

// agentDevice is the id of the agent's chardev and of its port.
const (
	agentChardev = "qga"
	agentDevice  = "qgaport"
)

// hardware are the arguments that a template and its clones share. RAM is the
// file of the template; only the template itself shares it.
func hardware(accel, dir, ram string, shared bool) []string {
	share, cpu := "off", "max"
	if shared {
		share = "on"
	}
	if accel == KVM {
		cpu = "host"
	} else {
		accel = "tcg,tb-size=32"
	}
	size := strconv.Itoa(Memory) + "M"
	socket := func(name string) string { return option(filepath.Join(dir, name)) }
	chardev := func(id string) string { return "socket,id=" + id + ",server=on,wait=off,path=" + socket(id) }
	return []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-object", "memory-backend-file,id=ram,size=" + size + ",share=" + share + ",mem-path=" + option(ram),
		"-machine", "q35,memory-backend=ram", "-m", size, "-accel", accel, "-cpu", cpu, "-smp", "1",
		"-serial", "file:" + socket(serialLog),
		"-netdev", "stream,id=net,server=off,addr.type=unix,addr.path=" + socket(netSocket),
		"-device", "virtio-net-pci,netdev=net,romfile=,mac=" + MAC,
		"-device", "virtio-serial-pci",
		"-chardev", chardev(agentSocket), "-device", "virtserialport,id=" + agentDevice + ",chardev=" + agentChardev + ",name=" + guestd.AgentPort,
		"-chardev", chardev(controlSocket), "-device", "virtserialport,chardev=" + controlSocket + ",name=" + guestd.ControlPort,
		"-device", "pvpanic-pci",
		"-qmp", "unix:" + socket(qmpSocket) + ",server=on,wait=off",
	}
}

// CommandLine is that of the guest's kernel. Without no_timer_check a kernel on
// a machine that is very busy finds that its timer does not tick, and panics.
const CommandLine = "console=ttyS0 quiet panic=-1 cryptomgr.notests no_timer_check"

// cold are the further arguments of a machine that boots a kernel.
func cold(i *image.Image) []string {
	return []string{
		"-kernel", i.Kernel(), "-initrd", i.Initrd(),
		"-append", CommandLine,
	}
}

// option is a value in a list of QEMU's options.
func option(s string) string { return strings.ReplaceAll(s, ",", ",,") }
