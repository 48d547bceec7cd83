package watch_test

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/watch"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// fake is a libvirt with one domain, "default_web".
type fake struct {
	mu        sync.Mutex
	listen    func(virt.Event)
	closed    chan struct{}
	opened    int
	xml       string
	agent     error // of the next commands
	off       bool
	transient bool
	did       []string
	refusing  bool
}

func (f *fake) open(_ string, listen func(virt.Event)) (virt.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusing {
		return nil, &virt.Error{Code: 38, Message: "Connection refused"}
	}
	f.opened++
	f.listen, f.closed = listen, make(chan struct{})
	return &fakeConn{f}, nil
}

// fakeConn and fakeDomain are what it hands out.
type fakeConn struct{ *fake }

func (f *fakeConn) Version() (string, error)   { return "9.0.0", nil }
func (f *fakeConn) Domains() ([]string, error) { return []string{"default_db", "default_web"}, nil }
func (f *fakeConn) Create(string) (virt.Domain, error) {
	return nil, errors.New("nobody creates domains")
}
func (f *fakeConn) Closed() <-chan struct{} { f.mu.Lock(); defer f.mu.Unlock(); return f.closed }
func (f *fakeConn) Close() error            { return nil }
func (f *fakeConn) Lookup(n string) (virt.Domain, error) {
	if n != "default_web" {
		return nil, &virt.Error{Code: 42, Message: "Domain not found"}
	}
	return &fakeDomain{f.fake}, nil
}

type fakeDomain struct{ *fake }

func (d *fakeDomain) Name() string { return "default_web" }
func (d *fakeDomain) State() (guestagent.RunState, guestagent.PauseReason, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return guestagent.ShutOff, 0, nil
	}
	return guestagent.Running, 0, nil
}
func (d *fakeDomain) XML() (string, error)      { return d.xml, nil }
func (d *fakeDomain) Persistent() (bool, error) { return !d.transient, nil }
func (d *fakeDomain) Agent(string, int) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return `{"return":{}}`, d.agent
}
func (d *fakeDomain) SetAgentTimeout(int) error         { return nil }
func (d *fakeDomain) AgentAddresses() ([]string, error) { return nil, errors.New("no agent") }
func (d *fakeDomain) LeaseAddresses() ([]string, error) { return nil, nil }
func (d *fakeDomain) Suspend() error                    { return d.note("suspend") }
func (d *fakeDomain) Resume() error                     { return d.note("resume") }
func (d *fakeDomain) PowerButton() error                { return d.note("button") }
func (d *fakeDomain) Close()                            {}

func (d *fakeDomain) Destroy() error {
	_ = d.note("destroy")
	d.listen(virt.Event{Domain: "default_web", Kind: virt.Lifecycle, Code: virt.Stopped})
	return nil
}

func (d *fakeDomain) Start() error {
	d.fail(nil)
	_ = d.note("start")
	d.listen(virt.Event{Domain: "default_web", Kind: virt.Lifecycle, Code: virt.Started})
	return nil
}

func (f *fake) note(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, what)
	return nil
}

// fail is what the agent answers from now on.
func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.agent = err
}

// unresponsive is the answer of libvirt for an agent that is not there.
func unresponsive() error {
	return &virt.Error{Code: 86, Domain: 10, Message: "Guest agent is not responding: QEMU guest agent is not connected"}
}

const channel = "<target type='virtio' name='org.qemu.guest_agent.0'/>"

func ping(kind probes.Kind) probes.Probe {
	return probes.Probe{
		Kind: kind, Handler: probes.GuestAgentPing, Period: 10 * time.Second, Timeout: time.Second,
		FailureThreshold: 2, SuccessThreshold: 1,
	}
}

func config(f *fake, out *bytes.Buffer, list ...probes.Probe) watch.Config {
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	return watch.Config{URI: "fake:///", Domain: "default_web", Profile: profile, Probes: list, Out: out, Open: f.open}
}

func TestSetUp(t *testing.T) {
	connect := ping(probes.Readiness)
	connect.Handler = probes.TCPSocket
	for name, c := range map[string]struct {
		domain, xml, want string
		probe             probes.Probe
	}{
		"misspelt":   {"default_wbe", channel, "did you mean \"default_web\"", ping(probes.Readiness)},
		"unknown":    {"mail", channel, "default_db, default_web", ping(probes.Readiness)},
		"no channel": {"default_web", "<devices/>", "no channel org.qemu.guest_agent.0", ping(probes.Readiness)},
		"no address": {"default_web", channel, "--address", connect},
	} {
		f := &fake{xml: c.xml}
		cfg := config(f, &bytes.Buffer{}, c.probe)
		cfg.Domain = c.domain
		if err := watch.Run(t.Context(), cfg); !errors.Is(err, watch.ErrSetUp) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	f := &fake{refusing: true}
	cfg := config(f, &bytes.Buffer{}, connect)
	cfg.URI = "qemu:///system"
	err := watch.Run(t.Context(), cfg)
	for _, want := range []string{"connect to qemu:///system", "systemctl start libvirtd", "--connect: qemu:///session"} {
		if !errors.Is(err, watch.ErrSetUp) || !strings.Contains(err.Error(), want) {
			t.Errorf("no daemon: %v, want %q", err, want)
		}
	}
	f = &fake{xml: channel, transient: true, off: true}
	cfg = config(f, &bytes.Buffer{}, connect)
	cfg.Act = true
	err = watch.Run(t.Context(), cfg)
	for _, want := range []string{"the domain is transient", "virsh define", "does not run", "virsh start default_web"} {
		if !errors.Is(err, watch.ErrSetUp) || !strings.Contains(err.Error(), want) {
			t.Errorf("a transient domain that is off: %v, want %q", err, want)
		}
	}
}

// scenario runs a watch for a while of fake time; steps happen at their second.
func scenario(t *testing.T, f *fake, change func(*watch.Config), length time.Duration, steps map[int]func()) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		cfg := config(f, &out, ping(probes.Readiness), ping(probes.Liveness))
		change(&cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- watch.Run(ctx, cfg) }()
		for s := range int(length / time.Second) {
			if step := steps[s]; step != nil {
				step()
			}
			time.Sleep(time.Second)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out.String()
}

func wants(t *testing.T, out string, lines ...string) {
	t.Helper()
	at := 0
	for _, line := range lines {
		i := strings.Index(out[at:], line)
		if i < 0 {
			t.Fatalf("no %q, in this order, in\n%s", line, out)
		}
		at += i + len(line)
	}
}

// TestTransitions: read-only, whatever fails.
func TestTransitions(t *testing.T) {
	f := &fake{xml: channel}
	out := scenario(t, f, func(*watch.Config) {}, time.Minute, map[int]func(){
		12: func() { f.fail(unresponsive()) },
		45: func() { f.fail(nil) },
	})
	wants(t, out, "watching domain default_web", "ready -> false, before any attempt", "ready -> true", "Code=86", "ready -> false", "ready -> true")
	wants(t, out, "alive -> false", "liveness failed: a cluster would replace the VM (--act does)", "alive -> true")
	if n := strings.Count(out, "liveness failed"); n != 1 {
		t.Errorf("it told %d times of one failure:\n%s", n, out)
	}
	if len(f.did) > 0 {
		t.Errorf("it did %v", f.did)
	}
}

// TestAlias: the domain of a manifest may have KubeVirt's name for it.
func TestAlias(t *testing.T) {
	f := &fake{xml: channel}
	out := scenario(t, f, func(c *watch.Config) { c.Domain, c.Alias = "web", "default_web" }, 15*time.Second, nil)
	wants(t, out, "watching domain default_web", "ready -> true")
	cfg := config(f, &bytes.Buffer{}, ping(probes.Readiness))
	cfg.Domain, cfg.Alias = "mail", "default_mail"
	if err := watch.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `no domain "mail" or "default_mail"`) {
		t.Errorf("%v", err)
	}
}

// TestStates: what the domain is at the beginning is told.
func TestStates(t *testing.T) {
	f := &fake{xml: channel, off: true}
	out := scenario(t, f, func(*watch.Config) {}, 30*time.Second, map[int]func(){
		5: func() {
			f.mu.Lock()
			f.off = false
			f.mu.Unlock()
			f.listen(virt.Event{Domain: "default_web", Kind: virt.Lifecycle, Code: virt.Started})
		},
		20: func() {
			f.listen(virt.Event{Domain: "default_web", Kind: virt.Watchdog, Code: virt.WatchdogPause})
		},
	})
	wants(t, out, "does not run; it is probed when it does (`virsh start default_web`)", "domain started", "ready -> true",
		"watchdog has expired: pause")
}

// TestAct: a liveness failure replaces the domain, and the workers begin anew.
func TestAct(t *testing.T) {
	f := &fake{xml: channel}
	out := scenario(t, f, func(c *watch.Config) { c.Act = true }, time.Minute, map[int]func(){
		12: func() { f.fail(unresponsive()) },
	})
	wants(t, out, "ready -> true", "liveness failed: the domain is destroyed and started", "domain stopped", "domain started", "ready -> true")
	if strings.Join(f.did, " ") != "destroy start" {
		t.Errorf("it did %v", f.did)
	}
}

// TestDaemonGoes: it is told, and the watch goes on when there is another.
func TestDaemonGoes(t *testing.T) {
	f := &fake{xml: channel}
	out := scenario(t, f, func(*watch.Config) {}, time.Minute, map[int]func(){
		15: func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.refusing = true
			close(f.closed)
		},
		20: func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.refusing = false
		},
	})
	wants(t, out, "libvirt has gone; reconnecting to fake:///", "connected again")
	if f.opened != 2 {
		t.Errorf("connected %d times", f.opened)
	}
}

// TestMetrics: the names and labels are the kubelet's.
func TestMetrics(t *testing.T) {
	f := &fake{xml: channel}
	m := &watch.Metrics{Namespace: "default", Pod: "web", Container: "compute"}
	scenario(t, f, func(c *watch.Config) { c.Metrics = m }, 35*time.Second, map[int]func(){
		22: func() { f.fail(unresponsive()) },
	})
	r := httptest.NewRecorder()
	m.ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	text := r.Body.String()
	for _, line := range []string{
		`prober_probe_total{container="compute",namespace="default",pod="web",probe_type="Liveness",result="failed"} 1`,
		`prober_probe_total{container="compute",namespace="default",pod="web",probe_type="Readiness",result="successful"} 3`,
		`prober_probe_duration_seconds_bucket{container="compute",namespace="default",pod="web",probe_type="Readiness",le="+Inf"} 4`,
		`prober_probe_duration_seconds_count{container="compute",namespace="default",pod="web",probe_type="Readiness"} 4`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}
