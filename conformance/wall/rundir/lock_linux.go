package rundir

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Hold locks a directory as long as the process lives. The lock gets its name
// when it is held, so that nobody takes a young directory for a dead one.
func Hold(dir string) (*os.File, error) {
	young := filepath.Join(dir, "."+lockName)
	f, err := os.Create(young)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = os.Rename(young, filepath.Join(dir, lockName))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Sweep removes the directories that match a pattern and whose owner has ended.
// One without a lock is only being made.
func Sweep(pattern string) {
	dirs, _ := filepath.Glob(pattern)
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, lockName))
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = Remove(dir) // what is left is for the next one
		}
		_ = f.Close()
	}
}
