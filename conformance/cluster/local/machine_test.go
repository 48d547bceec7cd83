//go:build linux

package local

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// machine is what a cluster may not change, as "what: value".
func machine(t *testing.T, home string) []string {
	t.Helper()
	out, ours := map[string]string{}, []string{cgroupName(filepath.Join(home, "api-test")), cgroupName(filepath.Join(home, "node-test")), cgroupName(filepath.Join(home, "kubevirt-test"))}
	for _, top := range []string{"vm", "kernel/keys", "net/ipv4/conf", "net/ipv6/conf"} {
		_ = filepath.WalkDir("/proc/sys/"+top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(path, "_refresh") {
				out[path] = read(path)
			}
			return nil
		})
	}
	for _, name := range []string{"kernel/panic", "kernel/panic_on_oops", "kernel/hostname", "net/ipv4/ip_forward"} {
		out["/proc/sys/"+name] = read("/proc/sys/" + name)
	}
	if len(out) < 40 {
		t.Fatalf("only %d sysctls found: the check would be vacuous", len(out))
	}
	for _, h := range everywhere() {
		dirs, _ := filepath.Glob(h + "/*/cgroup.procs")
		out[h] = strings.Join(slices.DeleteFunc(dirs, func(d string) bool {
			name := filepath.Base(filepath.Dir(d)) // of another cluster, which may come and go
			return strings.HasPrefix(name, "vmprobe-") && !slices.Contains(ours, name)
		}), " ")
	}
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		f := strings.Fields(line)
		out["mount "+f[4]+" "+f[2]] = strings.Join(f[5:], " ")
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		out["link "+l.Name] = fmt.Sprint(l.MTU, l.Flags)
	}
	out["processes"] = strings.Join(processes(t, home), "\n")
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(out)) {
		lines = append(lines, k+": "+out[k])
	}
	return lines
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// processes lists those that run what was built, or know the folder.
func processes(t *testing.T, home string) []string {
	t.Helper()
	cache, err := binaries.Cache()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	list, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range list {
		exe, _ := os.Readlink(p + "/exe")
		env := read(p + "/environ")
		if strings.HasPrefix(exe, cache+"/") && strings.Contains(read(p+"/cmdline"), home) || strings.Contains(env, childVariable+"="+home) {
			out = append(out, p+" "+exe)
		}
	}
	return out
}

// unchanged compares two states of the machine.
func unchanged(t *testing.T, before, after []string) {
	t.Helper()
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the machine has changed (-before +after):\n%s", d)
	}
}
