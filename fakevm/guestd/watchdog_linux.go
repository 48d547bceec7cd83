package guestd

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watchdogDevice is the driver's; it is there when the VM has the device.
const watchdogDevice = "/dev/watchdog"

// feeding is how often the device is fed.
const feeding = 100 * time.Millisecond

// feeder feeds the watchdog. The device waits from the time when it is opened.
type feeder struct {
	mu   sync.Mutex
	file *os.File
	on   bool
}

// FeedWatchdog implements machine.
func (h *hardware) FeedWatchdog(on bool, timeout time.Duration) error { return h.dog.set(on, timeout) }

func (f *feeder) set(on bool, timeout time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		if !on {
			return nil
		}
		file, err := os.OpenFile(watchdogDevice, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.WDIOC_SETTIMEOUT, int(timeout/time.Second)); err != nil {
			return fmt.Errorf("set its timeout to %s: %w", timeout, err)
		}
		f.file = file // never closed: that might stop it
		go f.run()
	}
	f.on = on
	return f.feed()
}

func (f *feeder) feed() error {
	_, err := f.file.Write([]byte{0})
	return err
}

func (f *feeder) run() {
	for range time.Tick(feeding) {
		f.mu.Lock()
		if f.on {
			_ = f.feed() // a device that is not fed tells by itself
		}
		f.mu.Unlock()
	}
}

// panicDrivers tell the host of a panic.
func panicDrivers() []string { return []string{"pvpanic_mmio", "pvpanic_pci", "pvpanic"} }

// Mute implements machine. It takes a second on a busy host.
func (*hardware) Mute() error {
	for _, name := range panicDrivers() {
		_ = unix.DeleteModule(name, 0) // which of them is there depends on the VM
	}
	return os.WriteFile("/proc/sys/kernel/panic", []byte("0"), 0)
}

// Hang implements machine: a panic, after which the kernel does nothing for
// ever. The network goes first: a kernel that has panicked still answers SYNs.
func (h *hardware) Hang() {
	_ = h.dog.set(false, 0)
	_ = setDown("eth0")
	_ = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
}

// setDown sets an interface down.
func setDown(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written to it
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(0)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}
