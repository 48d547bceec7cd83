//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// require looks for all that a node needs, names everything that is missing,
// and notes what the child needs to know.
func (u *start) require() error {
	found, err := needs(filepath.Dir(u.spec.Dir), u.Tier)
	u.spec.Runc = found
	if err == nil {
		u.spec.Cgroup = cgroupName(u.spec.Dir)
	}
	return err
}

// Lacks tells why a tier cannot be started here: its programs are not built, if
// they are to be, or the machine lacks what a node needs. Home is the folder of the
// clusters.
func Lacks(ctx context.Context, home string, tier cluster.Tier, built bool) error {
	if built {
		if _, err := binaries.Find(ctx, Sets(tier)...); err != nil {
			return err
		}
	}
	if !hasNode(tier) {
		return nil
	}
	_, err := needs(home, tier)
	return err
}

// needs tells what a machine lacks for a tier with a node, all at once, and where
// its runc is.
func needs(home string, tier cluster.Tier) (runc string, err error) {
	var missing []error
	lack := func(format string, args ...any) { missing = append(missing, fmt.Errorf(format, args...)) }
	root := os.Geteuid() == 0
	if !root {
		lack("the tier %s needs root: run it with sudo, or use --tier api", tier)
	}
	runc, err = exec.LookPath("runc")
	if err != nil {
		lack("runc is not on the path: apt-get install runc")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		lack("ip is not on the path: apt-get install iproute2")
	}
	if text, err := os.ReadFile("/proc/filesystems"); err == nil && !strings.Contains(string(text), "\toverlay\n") {
		lack("the kernel has no overlayfs: modprobe overlay")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(home), &fs); err == nil && fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		lack("%s is on an overlay, on which no other can stand: set XDG_CACHE_HOME to a folder on a disk", home)
	}
	if absent := absentControllers(); len(absent) > 0 {
		lack("no cgroup v1 hierarchy for %s: the tier node does not know cgroup v2 yet; use --tier api, or --provider kind where Docker or Podman runs",
			strings.Join(absent, ", "))
	}
	if root {
		cmd := exec.Command("/proc/self/exe", "--help")
		cmd.Env = []string{"PATH=/"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
		if err := cmd.Start(); err != nil {
			lack("this root may not make namespaces (%w): run outside the container, or give it CAP_SYS_ADMIN", err)
		} else {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	if tier == cluster.TierKubeVirt {
		missing = append(missing, lacksOfKubeVirt()...)
	}
	if len(missing) > 0 {
		return "", cluster.Missing("%w", errors.Join(missing...))
	}
	return runc, nil
}

// namespaces are those of a node.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// existing is the nearest folder above path that exists.
func existing(path string) string {
	for path != "/" {
		if _, err := os.Stat(path); err == nil {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

// absentControllers lists the cgroup controllers that a node needs and that
// have no hierarchy.
func absentControllers() []string {
	var have []string
	for _, h := range hierarchies() {
		have = append(have, strings.Split(filepath.Base(h), ",")...)
	}
	var absent []string
	for _, c := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"} {
		if !slices.Contains(have, c) {
			absent = append(absent, c)
		}
	}
	return absent
}
