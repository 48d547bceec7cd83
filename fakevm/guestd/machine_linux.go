package guestd

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Main is the whole life of PID 1. It returns only when nothing can be done.
func Main() error {
	if err := mount(); err != nil {
		return err
	}
	if err := loadModules("/lib/modules"); err != nil {
		return err
	}
	if text, err := os.ReadFile("/proc/cmdline"); err == nil && slices.Contains(strings.Fields(string(text)), ConsoleArgument) {
		return onConsole()
	}
	control, err := findPort("/sys/class/virtio-ports", ControlPort, 10*time.Second)
	if err != nil {
		return err
	}
	agentPort, err := findPort("/sys/class/virtio-ports", AgentPort, 10*time.Second)
	if err != nil {
		return err
	}
	if err := up("lo", ""); err != nil {
		return err
	}
	port, err := os.OpenFile(control, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	d := newDaemon(&hardware{}, agentPort)
	d.agent = newAgent(d, "/run")
	if err := d.agent.begin(); err != nil {
		return err
	}
	d.watchButton()
	return d.serve(struct {
		portReader
		*writer
	}{portReader{port}, &writer{port}})
}

// writer keeps the file's own Read out of the way of portReader's.
type writer struct{ f *os.File }

func (w *writer) Write(b []byte) (int, error) { return w.f.Write(b) }

func mount() error {
	for _, m := range []struct{ fs, dir string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := unix.Mount(m.fs, m.dir, m.fs, 0, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.fs, m.dir, err)
		}
	}
	return nil
}

// loadModules loads what the file "order" names, in that order.
func loadModules(dir string) error {
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(order)) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// up gives an interface an address, if any, and sets it up.
func up(name, address string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written to it
	set := func(what uint, ip net.IP) error {
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(ip.To4()); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, what, r)
	}
	if address != "" {
		if err := set(unix.SIOCSIFADDR, net.ParseIP(address)); err != nil {
			return fmt.Errorf("address %s of %s: %w", address, name, err)
		}
		if err := set(unix.SIOCSIFNETMASK, net.IPv4(255, 255, 255, 0)); err != nil {
			return fmt.Errorf("netmask of %s: %w", name, err)
		}
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
		return fmt.Errorf("flags of %s: %w", name, err)
	}
	r.SetUint16(r.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

// hardware is the VM itself.
type hardware struct{ dog feeder }

// Network implements machine.
func (*hardware) Network(address string) error { return up("eth0", address) }

// Crash implements machine: a kernel panic, which pvpanic tells the host.
func (*hardware) Crash() { _ = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0) }

// PowerOff implements machine.
func (*hardware) PowerOff() { _ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) }

// Reset implements machine.
func (*hardware) Reset() { _ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) }

// watchButton presses the guest's power button when ACPI's is pressed.
func (d *daemon) watchButton() {
	files, _ := filepath.Glob("/dev/input/event*")
	for _, name := range files {
		if f, err := os.Open(name); err == nil {
			go d.readKeys(f)
		}
	}
}

// readKeys reads input events: two words of time, type, code, value.
func (d *daemon) readKeys(f *os.File) {
	defer f.Close()
	const size, keyEvent, keyPower = 24, 1, 116
	b := make([]byte, size)
	for {
		if n, err := f.Read(b); err != nil || n < size {
			return
		}
		kind, code := binary.LittleEndian.Uint16(b[16:]), binary.LittleEndian.Uint16(b[18:])
		if kind != keyEvent || code != keyPower || binary.LittleEndian.Uint32(b[20:]) != 1 {
			continue
		}
		d.thread.Lock()
		if d.guest != nil {
			d.tell(Message{Event: EventPress, At: d.thread.Now()})
			d.guest.PowerButton()
		}
		d.thread.Unlock()
	}
}
