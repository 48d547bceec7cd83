package virt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// open connects to libvirt's own driver for tests, which needs no daemon.
func open(t *testing.T, listen func(virt.Event)) virt.Conn {
	t.Helper()
	if !virt.Built() {
		t.Skip("not run: this build has no libvirt; go test -tags libvirt,libvirt_dlopen has it")
	}
	c, err := virt.Open("test:///default", listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestNotBuilt(t *testing.T) {
	if virt.Built() {
		t.Skip("not run: this build has libvirt")
	}
	if _, err := virt.Open("test:///default", nil); !errors.Is(err, virt.ErrNotBuilt) || !strings.Contains(err.Error(), "make build-libvirt") {
		t.Errorf("%v", err)
	}
}

func TestDomains(t *testing.T) {
	c := open(t, nil)
	names, err := c.Domains()
	if err != nil || !slices.Equal(names, []string{"test"}) {
		t.Errorf("domains %v, %v", names, err)
	}
	if version, err := c.Version(); err != nil || strings.Count(version, ".") != 2 {
		t.Errorf("version %q, %v", version, err)
	}
	if _, err := c.Lookup("absent"); !virt.NoDomain(err) || virt.Gone(err) {
		t.Errorf("an absent domain: %v", err)
	}
	if _, err := virt.Open("nonsense://", nil); err == nil || virt.NoDomain(err) {
		t.Errorf("a URI that means nothing: %v", err)
	}
}

// TestAdvice: an error of a connection says what to do.
func TestAdvice(t *testing.T) {
	for _, c := range []struct{ uri, message, want string }{
		{"qemu:///system", "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory", "systemctl start libvirtd"},
		{"qemu:///system", "Failed to connect socket to '/var/run/libvirt/virtqemud-sock': Connection refused", "virtqemud.socket"},
		{"qemu:///system", "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied", "usermod -aG libvirt"},
		{"qemu+unix:///session?socket=/tmp/x", "Failed to connect socket to '/tmp/x': No such file or directory", "a daemon that has ended"},
		{"qemu:///session", "Failed to connect socket to '/run/user/1000/libvirt/libvirt-sock': No such file or directory", "qemu:///system"},
		{"qemu+ssh://host/system", "Cannot recv data: ssh: Could not resolve hostname host", "ssh host"},
		{"qemu://host/system", "unable to connect to server at 'host:16514': Connection timed out", "qemu+ssh://host/system"},
		{"xen:///system", "no connection driver available", `driver "xen"`},
		{"system", "no connection driver available", "is no URI of libvirt"},
		{"qemu:///system", "Failed to open libvirt.so.0: cannot open shared object file", "libvirt0"},
		{"qemu:///system", "an error that nobody knows", ""},
	} {
		got := virt.Advice(c.uri, &virt.Error{Code: 38, Domain: 7, Message: c.message})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s: %q, want %q", c.uri, c.message, got, c.want)
		}
	}
	if got := virt.Advice("qemu:///system", &virt.Error{Code: 94, Message: "authentication unavailable: no polkit agent available"}); !strings.Contains(got, "qemu:///session") {
		t.Error(got)
	}
}

// TestEvents: they come in order, and who hears of one may call libvirt.
func TestEvents(t *testing.T) {
	var c virt.Conn
	got := make(chan virt.Event, 16)
	ready := make(chan struct{})
	c = open(t, func(e virt.Event) {
		<-ready
		if _, err := c.Domains(); err != nil {
			t.Error(err)
		}
		got <- e
	})
	close(ready)
	d, err := c.Lookup("test")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, step := range []struct {
		do    func() error
		event int
		state guestagent.RunState
	}{
		{d.Suspend, virt.Suspended, guestagent.Paused},
		{d.Resume, virt.Resumed, guestagent.Running},
		{d.Destroy, virt.Stopped, guestagent.ShutOff},
		{d.Start, virt.Started, guestagent.Running},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-got:
			if e.Domain != "test" || e.Kind != virt.Lifecycle || e.Code != step.event {
				t.Errorf("event %+v, want %d", e, step.event)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no event %d", step.event)
		}
		if state, _, err := d.State(); err != nil || state != step.state {
			t.Errorf("state %v, %v, want %v", state, err, step.state)
		}
	}
}

// TestAgentError: the codes are libvirt's, and so are the words, once.
func TestAgentError(t *testing.T) {
	c := open(t, nil)
	d, err := c.Lookup("test")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = d.Agent(`{"execute":"guest-ping"}`, virt.AgentDefault)
	if e := virt.AgentError(err); e == nil || e.Code != 3 {
		t.Errorf("the test driver has no agent: %v", err)
	}
	_, err = c.Lookup("absent")
	e := virt.AgentError(err)
	if e == nil || e.Code != guestagent.NoDomain || strings.Count(e.Error(), "Domain not found") != 1 {
		t.Errorf("%v", e)
	}
	if virt.AgentError(nil) != nil {
		t.Error("no error is none")
	}
}

func TestCloseIsNoticed(t *testing.T) {
	c := open(t, func(virt.Event) {})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-c.Closed():
	default:
		t.Error("it is closed and does not say so")
	}
}
