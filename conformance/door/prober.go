package door

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// Prober is a whole prober. One is made for each run, and again when the
// prober process of a story is restarted.
type Prober interface {
	// Probe makes one probe of one pod until ctx is done. It is called once
	// for each, in a goroutine of its own. What it leaves behind must end
	// with ctx, too.
	Probe(ctx context.Context, p *Probe)
}

// Func is a Prober that is a function.
type Func func(ctx context.Context, p *Probe)

// Probe calls f.
func (f Func) Probe(ctx context.Context, p *Probe) { f(ctx, p) }

// Probe is one probe of one pod, as a prober has to make it.
type Probe struct {
	// VM and Namespace name the machine, Machine is its manifest.
	VM, Namespace string
	Machine       *spec.Machine
	// Profile is the dialect of the case; Spec is the probe in it, with all
	// defaults. StartupGate: readiness and liveness wait for a startup probe.
	Profile     probes.Profile
	Spec        probes.Probe
	StartupGate bool
	// Slot is the place of the probe among those of the VM.
	Slot int
	// Pod is the number of the pod's first container, counted from 1 over all
	// containers of the VM. Target marks the target of a live migration.
	Pod    int32
	Target bool
	// Resumed: the prober process has just been started anew, and finds a pod
	// that is there already.
	Resumed bool
	// Age is for how long the prober process had run at the start of the run:
	// a kubelet that is young spreads its first attempts.
	Age time.Duration

	ground Ground
	events chan Event
}

// Ground is what stands behind a Probe: a bubble.
type Ground interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	DialAgent(ctx context.Context, instance int32) (net.Conn, error)
	Exec(ctx context.Context, argv []string, timeout time.Duration) (exit int, output []byte, err error)
	Try(instance, attempt, try int32) probes.Result
	Report(r Report)
}

// NewProbe is for grounds: it gives p the ground on which it stands, and
// returns the way to tell it of events.
func NewProbe(p Probe, g Ground) (*Probe, chan<- Event) {
	p.ground, p.events = g, make(chan Event, backlog)
	return &p, p.events
}

// backlog is how many events may wait for a prober. More come in no scenario
// unless nobody reads them.
const backlog = 256

// Events tells what happens to the pod, in order; the first one is that of its
// container. A prober that does not care may leave them alone.
func (p *Probe) Events() <-chan Event { return p.events }

// DialContext connects to "address:port" on the simulated network, for
// net.Dialer's users.
func (p *Probe) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return p.ground.Dial(ctx, network, address)
}

// DialAgent connects to the port of the guest agent in the pod of a container,
// as libvirt does: lines of JSON, both ways, without libvirt. What the guest does
// not answer stays unanswered, and what it has answered too late is still there;
// who speaks to it synchronises (guest-sync). One at a time; syscall.ENOENT: there
// is no domain.
func (p *Probe) DialAgent(ctx context.Context, instance int32) (net.Conn, error) {
	return p.ground.DialAgent(ctx, instance)
}

// Transport is a new http.Transport on the simulated network that neither
// verifies certificates nor keeps connections.
func (p *Probe) Transport() *http.Transport {
	return &http.Transport{
		DialContext: p.DialContext, DisableKeepAlives: true,
		TLSClientConfig: insecure(), Proxy: nil,
	}
}

// Exec runs a command in the container; os.ErrDeadlineExceeded: it has not
// ended in time.
func (p *Probe) Exec(ctx context.Context, argv []string, timeout time.Duration) (exit int, output []byte, err error) {
	return p.ground.Exec(ctx, argv, timeout)
}

// Try makes a try of the probe by our own handler, of any kind: for probers
// whose own part is the engine around it.
func (p *Probe) Try(instance, attempt, try int32) probes.Result {
	return p.ground.Try(instance, attempt, try)
}

// Report tells the world what the prober found or did: a [State], [Failed],
// [TryStarted], [TryFinished] or [Written]. It never blocks.
func (p *Probe) Report(r Report) { p.ground.Report(r) }

// Dial is the signature of net.Dialer.DialContext.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// URL is the address that an httpGet probe asks in a container.
func (p *Probe) URL(c Container) string {
	return strings.ToLower(p.Spec.HTTP.Scheme) + "://" + p.Address(c.Address) + p.Spec.HTTP.Path
}

// Address is "host:port" of the probe: of the host that it names, or else of
// the pod.
func (p *Probe) Address(pod string) string {
	host, port := pod, p.Spec.HTTP.Port
	switch p.Spec.Handler {
	case probes.TCPSocket:
		port = p.Spec.TCP.Port
		if p.Spec.TCP.Host != "" {
			host = p.Spec.TCP.Host
		}
	default:
		if p.Spec.HTTP.Host != "" {
			host = p.Spec.HTTP.Host
		}
	}
	number := port.Number
	if number == 0 {
		return net.JoinHostPort(host, port.Name)
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}
