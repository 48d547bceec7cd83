//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// hold takes the lock of the file "alive", for the child.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "alive"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f, nil
}

// lives tells whether a child holds the folder.
func lives(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "alive"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// look reads the status of a folder and holds it against what lives.
func look(dir string) (*cluster.Status, error) {
	s, err := cluster.Read(dir)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.State = cluster.None
	case !lives(dir):
		s.State = cluster.Stale
		if s.Cause == "" {
			s.Cause = cause(dir)
		}
		if s.Cause == "" {
			s.Cause = "its process is gone"
		}
	default:
		s.Components = components(dir)
	}
	return s, nil
}

// patience is how long a killed cluster may take to be gone.
const patience = 30 * time.Second

// sweep kills what lives of a cluster and removes its cgroups. With all it
// removes the folder, too.
func sweep(ctx context.Context, dir string, all bool) error {
	s, err := cluster.Read(dir)
	if err != nil {
		return err
	}
	if s.Process > 0 && lives(dir) {
		if err := unix.Kill(s.Process, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill process %d of the cluster %s: %w", s.Process, s.Name, err)
		}
		if err := poll(ctx, patience, func() (bool, error) { return !lives(dir) && gone(s.Process), nil }); err != nil {
			return fmt.Errorf("process %d of the cluster %s does not end: %w", s.Process, s.Name, err)
		}
	}
	if sp, err := readSpec(dir); err == nil && sp.Cgroup != "" {
		if err := removeCgroups(ctx, sp.Cgroup); err != nil {
			return err
		}
	}
	if !all {
		return os.RemoveAll(filepath.Join(dir, "node"))
	}
	return os.RemoveAll(dir)
}

// gone tells whether a process has ended, with all that it took along.
func gone(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}

// poll asks every 20 ms until done, an error, or the end of the patience.
func poll(ctx context.Context, most time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
