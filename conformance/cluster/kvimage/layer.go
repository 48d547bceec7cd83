package kvimage

import (
	"archive/tar"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// Users of the images: those that KubeVirt's own have, and the one that Debian's
// libvirt asks for before it reads its configuration.
const (
	qemuID = 107
	passwd = "root:x:0:0:root:/root:/bin/bash\nqemu:x:107:107:qemu:/home/qemu:/bin/bash\n" +
		"libvirt-qemu:x:64055:107::/var/lib/libvirt:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	group = "root:x:0:\nqemu:x:107:\ntty:x:5:\nkvm:x:106:\nlibvirt:x:108:\nlibvirt-qemu:x:64055:\nnogroup:x:65534:\n"
)

// daemon starts Debian's one daemon of libvirt under the name that KubeVirt
// expects, with a socket of that name.
const daemon = `#!/bin/sh
sockets="${XDG_RUNTIME_DIR:-/run}/libvirt"
mkdir -p "$sockets"
ln -sf libvirt-sock "$sockets/virtqemud-sock"
ln -sf libvirt-admin-sock "$sockets/virtqemud-admin-sock"
exec /usr/sbin/libvirtd "$@"
`

// writeLayer writes what KubeVirt's images have beside Debian's packages.
// Programs is the folder of what was built.
func writeLayer(w io.Writer, programs string) error {
	l := layer{tar.NewWriter(w)}
	set := binaries.KubeVirtSet()
	for _, p := range set.Programs {
		if p.Name == binaries.ManifestsProgram {
			continue
		}
		h := tar.Header{Name: "usr/bin/" + p.Name, Mode: 0o755}
		if p.Name == "virt-launcher-monitor" {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": bindService()}
		}
		if err := l.copy(h, filepath.Join(programs, p.Name)); err != nil {
			return err
		}
	}
	// The launcher replaces the hook.
	if err := l.text(tar.Header{Name: "etc/libvirt/hooks/", Typeflag: tar.TypeDir, Mode: 0o755, Uid: qemuID, Gid: qemuID}, ""); err != nil {
		return err
	}
	for _, f := range []struct {
		from string
		tar.Header
	}{
		{binaries.NodeLabeller, tar.Header{Name: "usr/bin/node-labeller.sh", Mode: 0o755}},
		{binaries.QEMUConfig, tar.Header{Name: "etc/libvirt/qemu.conf", Mode: 0o644}},
		{binaries.DaemonConfig, tar.Header{Name: "etc/libvirt/virtqemud.conf", Mode: 0o644}},
		{binaries.Hook, tar.Header{Name: "etc/libvirt/hooks/qemu", Mode: 0o755, Uid: qemuID, Gid: qemuID}},
		{binaries.NameServiceSwitch, tar.Header{Name: "etc/nsswitch.conf", Mode: 0o644}},
	} {
		if err := l.copy(f.Header, filepath.Join(programs, f.from)); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		tar.Header
		text string
	}{
		{tar.Header{Name: "usr/sbin/virtqemud", Mode: 0o755}, daemon},
		{tar.Header{Name: "etc/passwd", Mode: 0o644}, passwd},
		{tar.Header{Name: "etc/group", Mode: 0o644}, group},
		{tar.Header{Name: "usr/libexec/qemu-kvm", Typeflag: tar.TypeSymlink, Linkname: "/usr/bin/qemu-system-x86_64"}, ""},
		// KubeVirt goes there through /proc/PID/root: the link must not be absolute.
		{tar.Header{Name: "var/run", Typeflag: tar.TypeSymlink, Linkname: "../run"}, ""},
	} {
		if err := l.text(f.Header, f.text); err != nil {
			return err
		}
	}
	return l.Close()
}

// layer is an archive that is being written.
type layer struct{ *tar.Writer }

func (l *layer) text(h tar.Header, text string) error {
	h.Size = int64(len(text))
	if err := l.WriteHeader(&h); err != nil {
		return err
	}
	_, err := io.WriteString(l, text)
	return err
}

func (l *layer) copy(h tar.Header, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if err := l.WriteHeader(&h); err != nil {
		return err
	}
	if _, err := io.Copy(l, f); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}

// bindService is the value of security.capability that lets a program bind
// ports below 1024: revision 2, effective, and the permitted and inheritable
// sets, as linux/capability.h has them.
func bindService() string {
	const revision2, effective, netBindService = 0x02000000, 1, 10
	var b []byte
	for _, word := range []uint32{revision2 | effective, 1 << netBindService, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return string(b)
}
