//go:build linux || darwin || freebsd || netbsd || openbsd

package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Lock gives the folder of a cluster, and takes the lock of the commands on it,
// whatever its provider; unlock gives it back. Another command that has it is an
// error.
func Lock(home, name string) (dir string, unlock func(), err error) {
	if dir, err = Folder(home, name); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", nil, err
	}
	f, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return "", nil, fmt.Errorf("another command is at work on the cluster %s: try again when it has ended", name)
	}
	return dir, func() { f.Close() }, nil
}
