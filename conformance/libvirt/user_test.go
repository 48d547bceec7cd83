//go:build libvirt

package libvirt_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	binding "libvirt.org/go/libvirt"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// user is somebody with a libvirt of his own, and domains in it.
type user struct {
	t    *testing.T
	uri  string
	dir  string // where his QEMUs can read and write
	conn *binding.Connect
}

func newUser(t *testing.T) *user {
	t.Helper()
	require(t)
	d, err := daemon.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	u := &user{t: t, uri: d.URI(), dir: filepath.Join(d.Dir, "vm")}
	c, err := virt.Open(u.uri, nil) // it begins libvirt's event loop
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if u.conn, err = binding.NewConnect(u.uri); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = u.conn.Close() })
	img, err := image.Find()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(u.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{image.Kernel: img.Kernel(), image.Initrd: img.Initrd()} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(u.dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// vm is a domain that is defined, as a user's are.
type vm struct {
	user *user
	name string
	lib  *binding.Domain
}

const usersDomain = `<domain type='qemu'>
  <name>%[1]s</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>%[2]s/%[3]s</kernel><initrd>%[2]s/%[4]s</initrd>
    <cmdline>%[9]s</cmdline></os>
  <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features><cpu mode='maximum'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' model='none'/><memballoon model='none'/>
    <channel type='unix'><target type='virtio' name='%[5]s'/></channel>
    <channel type='unix'><source mode='bind' path='%[2]s/%[1]s.ctl'/><target type='virtio' name='%[6]s'/></channel>
    <interface type='client'><mac address='%[7]s'/><source address='127.0.0.1' port='%[8]d'/><model type='virtio'/><rom enabled='no'/></interface>
    <panic model='isa'/>
  </devices>
</domain>`

// define makes a domain that does not run. Nobody is on its network.
func (u *user) define(name string) *vm {
	u.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	d, err := u.conn.DomainDefineXML(fmt.Sprintf(usersDomain, name, u.dir, image.Kernel, image.Initrd,
		guestd.AgentPort, guestd.ControlPort, machine.MAC, listener.Addr().(*net.TCPAddr).Port, machine.CommandLine)) //nolint:forcetypeassert // it is TCP
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = d.Destroy(); _ = d.Free() })
	return &vm{u, name, d}
}

func (v *vm) start() {
	v.user.t.Helper()
	if err := v.lib.Create(); err != nil {
		v.user.t.Fatal(err)
	}
}

// number is that of the run of the domain.
func (v *vm) number() uint {
	v.user.t.Helper()
	d, err := v.user.conn.LookupDomainByName(v.name) // a handle remembers its number
	if err != nil {
		v.user.t.Fatal(err)
	}
	defer d.Free() //nolint:errcheck // nothing to do about it
	n, err := d.GetID()
	if err != nil {
		v.user.t.Fatal(err)
	}
	return n
}

// boot hands a script to the guest, which begins with it.
func (v *vm) boot(p fakevm.Program) {
	t := v.user.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	port := v.control(ctx)
	if err := port.Ready(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range []guestd.Request{
		{Op: guestd.OpLoad, Load: &guestd.Load{Address: "10.0.2.15", Program: p}},
		{Op: guestd.OpBoot, Boot: &guestd.Boot{}},
	} {
		if r.Op == guestd.OpBoot {
			if err := port.Measure(ctx); err != nil {
				t.Fatal(err)
			}
			r.Offset, _ = port.Offset(time.Now())
		}
		if _, err := port.Call(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
}

// control connects to the guest's control port, as soon as it is there.
func (v *vm) control(ctx context.Context) *machine.Control {
	for {
		c, err := net.Dial("unix", filepath.Join(v.user.dir, v.name+".ctl"))
		if err == nil {
			port := machine.NewControl(c)
			v.user.t.Cleanup(func() { _ = port.Close() })
			return port
		}
		select {
		case <-ctx.Done():
			v.user.t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// agent is a script: the guest agent answers (true) or hangs from an instant
// on, after the boot.
func agent(steps map[time.Duration]bool) fakevm.Program {
	e := fakevm.Endpoint{Kind: fakevm.Agent}
	for at := range time.Minute / time.Second {
		if ok, there := steps[at*time.Second]; there {
			reply := fakevm.Reply{Agent: &fakevm.AgentReply{Silent: !ok}}
			e.Steps = append(e.Steps, fakevm.Step{At: at * time.Second, Replies: []fakevm.Counted{{Reply: reply}}})
		}
	}
	return fakevm.Program{Endpoints: []fakevm.Endpoint{e}}
}
