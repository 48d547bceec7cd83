package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/door/driven"
	"github.com/vmprobe/vmprobe/conformance/door/overlay"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// who names a try: runs of one case and seed make the same ones at the same
// instants as long as the same comes of them.
type who struct {
	vm           string
	pod          int32
	slot         int
	attempt, try int32
	at           time.Time
}

func nameOf(r *driven.Request) who {
	return who{r.Probe.VM, r.Probe.Pod, r.Probe.Slot, r.Attempt, r.Try, time.Now()}
}

// outcome is what came of a try of ours.
type outcome struct {
	result probes.Result
	took   time.Duration
}

// disagreement is a try of which they say something else than we do.
type disagreement struct {
	name   who
	ours   probes.Result
	theirs bool
	said   string
}

func (d disagreement) String() string {
	return fmt.Sprintf("%s attempt %d try %d at %v: ours is %v %q, theirs %t: %s", d.name.vm, d.name.attempt, d.name.try,
		d.name.at.Format(time.TimeOnly), d.ours.Class, d.ours.Message, d.theirs, d.said)
}

// comparison is one case, run twice.
type comparison struct {
	mu    sync.Mutex
	ours  map[who]outcome
	last  time.Time          // when a try of ours began
	kills map[time.Time]bool // instants at which the process, or the run, ended
	tries int                // made by both
	not   map[string]int     // tries not made, by the reason
	apart []disagreement
	stray []who // tries that ours did not make
}

// compare runs a case with our handlers, and then with theirs: the engine, ours,
// is told in both what ours said, so that one disagreement does not lead to
// another history.
func compare(ctx context.Context, c *scenarios.Case, seed uint64) (*comparison, error) {
	x := &comparison{ours: map[who]outcome{}, kills: map[time.Time]bool{}, not: map[string]int{}}
	bed := bubble.Bed{Factory: driven.By(x.record), ClockSteps: true}
	if _, err := bed.Run(ctx, c, seed); err != nil {
		return nil, err
	}
	bed.Factory, bed.Hook = driven.By(x.try), overlay.Install
	if _, err := bed.Run(ctx, c, seed); err != nil {
		return nil, err
	}
	return x, nil
}

func (x *comparison) record(_ context.Context, r driven.Request) probes.Result {
	name, began := nameOf(&r), time.Now()
	result := r.Ours()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ours[name] = outcome{result, time.Since(began)}
	if began.After(x.last) {
		x.last = began
	}
	if result.Message == cut {
		x.kills[time.Now()] = true
	}
	return result
}

// cut is the message of a try that ended with the prober's process.
var cut = context.Canceled.Error()

// try has them make the try, beside, and returns what ours came to, when it
// did.
func (x *comparison) try(ctx context.Context, r driven.Request) probes.Result {
	name := nameOf(&r)
	x.mu.Lock()
	ours, known := x.ours[name]
	reason := inexpressible(&r.Probe.Spec)
	switch {
	case !known && (!name.at.Before(x.last) || x.kills[name.at]): // whether there is one more, chance decides
	case !known:
		x.stray = append(x.stray, name)
	case reason != "":
		x.not[reason]++
	case ours.result.Message != cut:
		x.tries++
	}
	x.mu.Unlock()
	if !known || reason != "" || ours.result.Message == cut {
		return r.Ours()
	}
	go x.ask(context.WithoutCancel(ctx), r.Probe, r.Address, name, ours.result)
	time.Sleep(ours.took)
	return ours.result
}

func (x *comparison) ask(ctx context.Context, p *door.Probe, address string, name who, ours probes.Result) {
	ctx, cancel := context.WithTimeout(ctx, p.Spec.Timeout)
	defer cancel()
	success, said := probe(ctx, moduleOf(&p.Spec), targetOf(&p.Spec, address))
	x.mu.Lock()
	defer x.mu.Unlock()
	if success != healthy(ours.Class) {
		x.apart = append(x.apart, disagreement{name, ours, success, said})
	}
}

func healthy(c probes.Class) bool { return c == probes.Success || c == probes.Warning }

// The reasons why their options do not express a probe.
const (
	otherKind = "they know neither the guest agent nor commands"
	namedPort = "they know no ports by name"
	hostName  = "they resolve names by DNS, and the simulated network has no server"
	repeated  = "their headers are a map: none can be repeated"
)

// inexpressible tells why their options do not express a probe; empty: they do.
func inexpressible(p *probes.Probe) string {
	host, port := p.TCP.Host, p.TCP.Port
	switch p.Handler {
	case probes.HTTPGet:
		host, port = p.HTTP.Host, p.HTTP.Port
	case probes.TCPSocket:
	default:
		return otherKind
	}
	if port.Number == 0 {
		return namedPort
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil {
		return hostName
	}
	seen := map[string]bool{}
	for _, h := range p.HTTP.Headers {
		name := http.CanonicalHeaderKey(h.Name)
		if seen[name] {
			return repeated
		}
		seen[name] = true
	}
	return ""
}
