// Package rundir makes the directories in which a run keeps its sockets. They
// are removed with the run; what one leaves that was killed is removed by the
// next one, which knows by a lock who lives.
package rundir

import (
	"errors"
	"os"
	"path/filepath"
)

// lockName is the file that the owner of a directory holds locked.
const lockName = "lock"

// Dir is a directory that is ours.
type Dir struct {
	Path string
	lock *os.File
}

// New makes a directory whose name begins with a prefix in parent (empty: that
// of temporary files), after it has removed those of owners that were killed.
func New(parent, prefix string) (*Dir, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	Sweep(filepath.Join(parent, prefix+"*"))
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path}
	if d.lock, err = Hold(path); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return d, nil
}

// Close removes the directory with all that is in it.
func (d *Dir) Close() error {
	err := Remove(d.Path)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// Remove removes a directory with all that is in it, its lock at the end: what
// is left by one that is killed meanwhile is removed by the next [Sweep].
func Remove(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil { // the lock is for who tries again
		return err
	}
	return os.RemoveAll(dir)
}

// maxSocket is how long the path of a unix socket may be, on every system.
const maxSocket = 103

// Fits says whether a socket of that name has room in the directory.
func (d *Dir) Fits(name string) error {
	if len(filepath.Join(d.Path, name)) > maxSocket {
		return errors.New(d.Path + " is too long for a socket: set TMPDIR to a shorter path")
	}
	return nil
}
