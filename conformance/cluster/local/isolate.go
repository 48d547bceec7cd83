//go:build linux

package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// isolate turns the fresh namespaces of this process into a node: a root that
// is an overlay of the machine's, its own /proc and /run, a network that is
// connected to nothing, and sysctls of the machine out of the kubelet's reach.
func (s *spec) isolate(v *supervisor) error {
	if err := unix.Sethostname([]byte(nodeName)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := s.newRoot(); err != nil {
		return err
	}
	if err := s.shieldSysctls(); err != nil {
		return err
	}
	if err := makeCgroups(s.Cgroup); err != nil {
		return err
	}
	return s.network(v)
}

// mount is one call of mount(2).
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func (m *mount) do() error {
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
	}
	return nil
}

// newRoot makes the root of the node and enters it.
func (s *spec) newRoot() error {
	node := func(name string) string { return s.path("node", name) }
	for _, dir := range []string{"root", "upper", "work", "containerd", "kubelet"} {
		if err := os.MkdirAll(node(dir), 0o755); err != nil {
			return err
		}
	}
	root := node("root")
	in := func(path string) string { return filepath.Join(root, path) }
	first := []mount{
		{"none", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{"overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", node("upper"), node("work"))},
	}
	then := []mount{
		{"/dev", in("/dev"), "", unix.MS_BIND | unix.MS_REC, ""},
		{"/sys", in("/sys"), "", unix.MS_BIND | unix.MS_REC, ""},
		{"proc", in("/proc"), "proc", 0, ""},
		{"tmpfs", in("/run"), "tmpfs", 0, "mode=755"},
		// An overlay cannot stand on another one: the snapshots are on the disk.
		{node("containerd"), in("/var/lib/containerd"), "", unix.MS_BIND, ""},
		{node("kubelet"), in("/var/lib/kubelet"), "", unix.MS_BIND, ""},
		{s.Cache, in(s.Cache), "", unix.MS_BIND, ""},
		{s.Dir, in(s.Dir), "", unix.MS_BIND, ""},
	}
	for i := range first {
		if err := first[i].do(); err != nil {
			return err
		}
	}
	for i := range then {
		if err := os.MkdirAll(then[i].target, 0o755); err != nil {
			return err
		}
		if err := then[i].do(); err != nil {
			return err
		}
	}
	old := in("/.old")
	if err := os.MkdirAll(old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	shared := mount{"none", "/", "", unix.MS_REC | unix.MS_SHARED, ""} // volumes of pods propagate
	return shared.do()
}

// sysctls are those that the kubelet sets and that no namespace has of its
// own, with the values that it wants.
func sysctls() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}

// shieldSysctls puts files in front of the sysctls: the kubelet finds what it
// wants, and what it would write stays in the file.
func (s *spec) shieldSysctls() error {
	dir := s.path("node", "sysctls")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, value := range sysctls() {
		target := "/proc/sys/" + name
		if _, err := os.Stat(target); err != nil {
			continue // a kernel without it
		}
		source := filepath.Join(dir, strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		m := mount{source, target, "", unix.MS_BIND, ""}
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// network gives the node an address and a default route. Both ends of the
// cable are in its own namespace: it leads nowhere.
func (s *spec) network(v *supervisor) error {
	gateway := nodeAddress[:strings.LastIndex(nodeAddress, ".")] + ".1"
	for _, args := range []string{
		"link set lo up",
		"link add node0 type veth peer name node0p",
		"addr add " + nodeAddress + "/24 dev node0",
		"link set node0 up",
		"link set node0p up",
		"route add default via " + gateway + " dev node0",
	} {
		if err := s.ip(v, args); err != nil {
			return err
		}
	}
	return nil
}

// ip calls ip(8) with words.
func (s *spec) ip(v *supervisor, words string) error {
	path := "/sbin/ip"
	for _, p := range []string{"/usr/sbin/ip", "/usr/bin/ip", "/bin/ip"} {
		if _, err := os.Stat(p); err == nil {
			path = p
		}
	}
	return v.run("network", append([]string{path}, strings.Fields(words)...)...)
}
