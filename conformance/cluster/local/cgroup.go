//go:build linux

package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hierarchies lists where the cgroup v1 hierarchies are mounted.
func hierarchies() []string { return mounted("cgroup") }

// everywhere lists where any hierarchy is mounted: runtimes make cgroups in the
// unified one beside those of v1.
func everywhere() []string { return mounted("cgroup", "cgroup2") }

// mounted lists the hierarchies of some types of file system.
func mounted(types ...string) []string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && slices.Contains(types, f[2]) && strings.HasPrefix(f[1], "/sys/fs/cgroup/") {
			out = append(out, f[1])
		}
	}
	return out
}

// cgroupName is the cgroup of the node of a cluster: clusters of one name in
// different homes have different ones.
func cgroupName(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("vmprobe-%s-%x", filepath.Base(dir), sum[:3])
}

// makeCgroups makes the cgroup of a node in each hierarchy. A new cpuset has
// no processors and no memory until it is given some.
func makeCgroups(name string) error {
	for _, h := range hierarchies() {
		dir := filepath.Join(h, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			from, err := os.ReadFile(filepath.Join(h, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, file), from, 0o644); err != nil {
				return fmt.Errorf("%s: %w", filepath.Join(dir, file), err)
			}
		}
	}
	return nil
}

// removeCgroups removes the cgroup of a node from each hierarchy, from the
// bottom up. The kernel may take a moment to find them empty.
func removeCgroups(ctx context.Context, name string) error {
	for _, h := range everywhere() {
		var last error
		err := poll(ctx, patience, func() (bool, error) {
			last = removeTree(filepath.Join(h, name))
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("remove the cgroup: %w", errors.Join(last, err))
		}
	}
	return nil
}

func removeTree(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
