//go:build libvirt

package libvirt_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	binding "libvirt.org/go/libvirt"

	"github.com/vmprobe/vmprobe/conformance/libvirt"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// TestConnect: the VMs of cases are domains of a user's own daemon, and what
// else is there stays as it is.
func TestConnect(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	mine, off := u.define("mine"), u.define("vmprobe-1-1")
	mine.start()
	mine.boot(agent(map[time.Duration]bool{0: true}))
	before := u.all()
	bed, err := libvirt.New(t.Context(), libvirt.Config{URI: u.uri, Tool: "test", Say: func(note string) { t.Log(note) }})
	if err != nil {
		t.Fatal(err)
	}
	lane(bed).Check(t, scenariotest.Files(t, "testdata/cases/libvirt-error-object.yaml", "testdata/cases/libvirt-paused.yaml",
		"../qemu/testdata/cases/guest-powers-off.yaml"))
	hangs := scenariotest.Files(t, "testdata/cases/libvirt-guest-hangs.yaml")[0]
	if why := bed.Unsupported(hangs); !strings.Contains(why, "--connect") {
		t.Errorf("a guest that hangs: %q", why)
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
	if after := u.all(); after != before {
		t.Errorf("the user's domains were\n%s\nand are\n%s", before, after)
	}
	if state, _, err := off.lib.GetState(); err != nil || state != binding.DOMAIN_SHUTOFF {
		t.Errorf("the domain that was off: %v, %v", state, err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "vmprobe-vm-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// agentState is what libvirt notes of an agent, late.
func agentState() *regexp.Regexp { return regexp.MustCompile(` state='(dis)?connected'`) }

// all describes every domain; paths in it have the number of its run.
func (u *user) all() string {
	u.t.Helper()
	list, err := u.conn.ListAllDomains(0)
	if err != nil {
		u.t.Fatal(err)
	}
	var b strings.Builder
	for i := range list {
		text, err := list[i].GetXMLDesc(0)
		if err != nil {
			u.t.Fatal(err)
		}
		b.WriteString(agentState().ReplaceAllString(text, ""))
		_ = list[i].Free()
	}
	return b.String()
}

// TestConnectRefused: a URI that leads nowhere says what to do.
func TestConnectRefused(t *testing.T) {
	for uri, want := range map[string]string{
		"qemu+unix:///session?socket=/nonexistent/sock": "a daemon that has ended",
		"qemu+ssh://host/system":                        "run vmprobe on host",
		"xen:///system":                                 "are QEMUs",
		"system":                                        "is no URI of libvirt",
	} {
		_, err := libvirt.New(t.Context(), libvirt.Config{URI: uri})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
}
