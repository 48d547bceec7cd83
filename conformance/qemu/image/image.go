// Package image finds the guest image of the QEMU testbed: a kernel and an
// initramfs, made by hack/guestimage and kept in the user's cache.
package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Variable names the environment variable that holds the directory of an
// image; empty: the one in the cache.
const Variable = "VMPROBE_GUEST_IMAGE"

// WatchdogVariable is Variable for VMs with a watchdog device, whose image has
// another kernel.
const WatchdogVariable = "VMPROBE_WATCHDOG_IMAGE"

// The files of an image.
const (
	Kernel   = "vmlinuz"
	Initrd   = "initrd.gz"
	Manifest = "manifest.json"
)

// Image is a guest image on disk.
type Image struct {
	Dir string `json:"-"`
	// Key is the digest of everything that the image was made from, and
	// SHA256 the digests of its files.
	Key    string            `json:"key"`
	SHA256 map[string]string `json:"sha256"`
	// Packages are the Debian packages in it.
	Packages []Package `json:"packages"`
}

// Package is one Debian package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the .deb
}

// Kernel is the path of the kernel.
func (i *Image) Kernel() string { return filepath.Join(i.Dir, Kernel) }

// Initrd is the path of the initramfs.
func (i *Image) Initrd() string { return filepath.Join(i.Dir, Initrd) }

// Cache is the folder of what the testbed keeps between runs.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for caches (set XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(dir, "vmprobe", "qemu"), nil
}

// Current is the link in the cache that names the image in use.
const Current = "image"

// WatchdogCurrent is Current for VMs with a watchdog device.
const WatchdogCurrent = "image-watchdog"

// ErrNone says that there is no image yet.
var ErrNone = errors.New("no guest image; in a checkout, `go run ./hack/guestimage` makes one (Debian or Ubuntu, no root)")

// ErrNoWatchdog says that there is no image with a driver for a watchdog.
var ErrNoWatchdog = errors.New("no guest image with a driver for a watchdog; in a checkout, `go run ./hack/guestimage -watchdog` makes one (Debian or Ubuntu, no root)")

// Find returns the image to use.
func Find() (*Image, error) { return find(Variable, Current) }

// FindWatchdog returns the image to use for VMs with a watchdog device.
func FindWatchdog() (*Image, error) {
	i, err := find(WatchdogVariable, WatchdogCurrent)
	if errors.Is(err, ErrNone) {
		return nil, ErrNoWatchdog
	}
	return i, err
}

func find(variable, link string) (*Image, error) {
	dir := os.Getenv(variable)
	if dir == "" {
		cache, err := Cache()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(cache, link)
	}
	return Open(dir)
}

// Open reads the image in a directory.
func Open(dir string) (*Image, error) {
	data, err := os.ReadFile(filepath.Join(dir, Manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("guest image: %w", err)
	}
	i := &Image{}
	if err := json.Unmarshal(data, i); err != nil {
		return nil, fmt.Errorf("guest image: %s: %w", filepath.Join(dir, Manifest), err)
	}
	if i.Dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("guest image: %w", err)
	}
	for _, name := range []string{i.Kernel(), i.Initrd()} {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("guest image: %w", err)
		}
	}
	return i, nil
}
