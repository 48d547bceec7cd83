//go:build libvirt

package libvirt_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/watch"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// screen is what a watch writes, to be waited for.
type screen struct {
	mu   sync.Mutex
	text string
	seen int
	more chan struct{}
}

func newScreen() *screen { return &screen{more: make(chan struct{}, 1)} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	s.text += string(b)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// wait waits for texts, one behind the other.
func (s *screen) wait(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for end := time.After(90 * time.Second); ; {
			s.mu.Lock()
			at := strings.Index(s.text[s.seen:], text)
			if at >= 0 {
				s.seen += at + len(text)
			}
			all := s.text
			s.mu.Unlock()
			if at >= 0 {
				break
			}
			select {
			case <-s.more:
			case <-end:
				t.Fatalf("no %q, in this order, in\n%s", text, all)
			}
		}
	}
}

func watched(uri, domain string, out io.Writer) watch.Config {
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	cfg := watch.Config{URI: uri, Domain: domain, Profile: profile, Out: out, Open: virt.Open}
	for _, kind := range []probes.Kind{probes.Readiness, probes.Liveness} {
		cfg.Probes = append(cfg.Probes, probes.Probe{
			Kind: kind, Handler: probes.GuestAgentPing, Period: 2 * time.Second, Timeout: time.Second,
			FailureThreshold: 2, SuccessThreshold: 1,
		})
	}
	return cfg
}

// begin runs a watch; stop is ctrl-C, and tells how long it took to end.
func beginWatch(t *testing.T, cfg watch.Config) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watch.Run(ctx, cfg) }()
	return func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return time.Since(began)
	}
}

// TestWatch: a watch of a domain of a real libvirt tells what becomes of it: an
// agent that hangs and comes back, a guest that dies.
func TestWatch(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	if err := watch.Run(t.Context(), watched(u.uri, "web", io.Discard)); !errors.Is(err, watch.ErrSetUp) || !strings.Contains(err.Error(), "no domain at all") {
		t.Errorf("%v", err)
	}
	v := u.define("web")
	u.define("db")
	if err := watch.Run(t.Context(), watched(u.uri, "mail", io.Discard)); err == nil || !strings.Contains(err.Error(), "it has db, web") {
		t.Errorf("%v", err)
	}
	out := newScreen()
	cfg := watched(u.uri, "web", out)
	cfg.Metrics = &watch.Metrics{Namespace: "default", Pod: "web", Container: "compute"}
	stop := beginWatch(t, cfg)
	out.wait(t, "does not run")
	v.start()
	out.wait(t, "domain started")
	p := agent(map[time.Duration]bool{0: true, 12 * time.Second: false, 30 * time.Second: true})
	p.Power = []fakevm.PowerStep{{At: 45 * time.Second, Do: fakevm.Crash}}
	v.boot(p)
	out.wait(t, "guest agent connected", "ready -> true", "timed out", "ready -> false")
	out.wait(t, "ready -> true", "domain crashed")
	if took := stop(); took > 2*time.Second {
		t.Errorf("ctrl-C took %v", took)
	}
	if want := "liveness failed: a cluster would replace the VM"; !strings.Contains(out.text, want) {
		t.Errorf("no %q in\n%s", want, out.text)
	}
	r := httptest.NewRecorder()
	cfg.Metrics.ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`prober_probe_total{container="compute",namespace="default",pod="web",probe_type="Readiness",result="failed"}`,
		`prober_probe_total{container="compute",namespace="default",pod="web",probe_type="Liveness",result="successful"}`,
	} {
		if !strings.Contains(r.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, r.Body)
		}
	}
}

// TestWatchActs: with Act a hung agent costs the domain its life, and another
// one begins. Ctrl-C does not wait for a call that hangs.
func TestWatchActs(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	v := u.define("web")
	v.start()
	v.boot(agent(map[time.Duration]bool{0: true, 10 * time.Second: false}))
	before := v.number()
	out := newScreen()
	cfg := watched(u.uri, "web", out)
	cfg.Act = true
	cfg.Probes[1].InitialDelay = 25 * time.Second // liveness: a guest that boots is not dead
	stop := beginWatch(t, cfg)
	out.wait(t, "ready -> true", "ready -> false")
	out.wait(t, "liveness failed: the domain is destroyed and started", "domain stopped", "domain started")
	v.boot(agent(map[time.Duration]bool{0: true, 10 * time.Second: false}))
	out.wait(t, "ready -> true", "timed out")
	if after := v.number(); after == before {
		t.Errorf("the domain has number %d, as before", after)
	}
	if took := stop(); took > 2*time.Second {
		t.Errorf("ctrl-C took %v", took)
	}
}
