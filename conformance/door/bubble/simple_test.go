package bubble_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// vendor is a prober as somebody may have it: a ticker of a clock.Clock, an
// http.Client, counters. It knows httpGet and tells of no tries unless it is
// asked to.
type vendor struct {
	clock clock.Clock
	tries bool
	hasty bool // it does not synchronise with a guest agent
}

func (v vendor) probe(ctx context.Context, p *door.Probe, c door.Container) {
	client := &http.Client{
		Transport: p.Transport(), Timeout: p.Spec.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	healthy, run, last, number := p.Spec.Kind == probes.Liveness, int32(0), false, int32(0)
	if p.Spec.Kind != probes.Startup {
		p.Report(door.State{Instance: c.Instance, Healthy: healthy})
	}
	ticker := v.clock.Ticker(p.Spec.Period)
	defer ticker.Stop()
	for {
		if v.clock.Since(c.Started) >= p.Spec.InitialDelay {
			number++
			ok := v.ask(ctx, client, p, c, number)
			if ok != last {
				last, run = ok, 0
			}
			run++
			due := ok && run >= p.Spec.SuccessThreshold || !ok && run >= p.Spec.FailureThreshold
			if due && ok != healthy {
				healthy = ok
				p.Report(door.State{Instance: c.Instance, Healthy: ok})
				if !ok && p.Spec.Kind != probes.Readiness {
					p.Report(door.Failed{Instance: c.Instance})
					return
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (v vendor) ask(ctx context.Context, client *http.Client, p *door.Probe, c door.Container, number int32) bool {
	if v.tries {
		p.Report(door.TryStarted{Instance: c.Instance, Attempt: number, Try: 1})
	}
	var ok bool
	if p.Spec.Handler == probes.GuestAgentPing {
		ok = ping(ctx, p, c, v.hasty)
	} else {
		ok = get(ctx, client, p, c)
	}
	if v.tries {
		class := probes.Failure
		if ok {
			class = probes.Success
		}
		p.Report(door.TryFinished{Instance: c.Instance, Attempt: number, Try: 1, Class: class})
	}
	return ok
}

func get(ctx context.Context, client *http.Client, p *door.Probe, c door.Container) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL(c), http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

func newVendor(tries bool) func() door.Prober {
	return func() door.Prober { return door.Containers(vendor{clock: clock.New(), tries: tries}.probe) }
}

func judged(t *testing.T, bed bubble.Bed, job suite.Job) judge.Verdict {
	t.Helper()
	tr, err := bed.Run(t.Context(), job.Case, job.Seed)
	return campaign.Judge(suite.Outcome{Job: job, Trace: tr, Err: err})
}

// A prober of net/http and clock.New() passes where it does the right thing,
// and fails where it does not: it has no tries again, and it starts with no
// knowledge after a restart.
func TestVendorOnTheRealClock(t *testing.T) {
	bed := bubble.Bed{Factory: newVendor(true)}
	want := map[string]judge.Result{
		"threshold-ffsff": judge.Pass, "threshold-pairs": judge.Pass,
		"threshold-flapping-guest": judge.Pass, "timing-delay-once": judge.Pass, "timing-attempt-ten-periods": judge.Pass,
		"timing-neighbour-hangs":           judge.Pass,
		"threshold-error-between-failures": judge.Fail, "timing-retries-outlast-period": judge.Fail,
		"timing-prober-restart-ready": judge.Fail,
	}
	for name, result := range want {
		for _, job := range jobs(t, campaign.Selection{Profiles: []string{"kubernetes"}}, name) {
			if v := judged(t, bed, job); v.Result != result {
				t.Errorf("%s: %s, want %s: %s %s", v.Case, v.Result, result, v.Reason, first(&v))
			}
		}
	}
}

// A prober that tells of no tries is judged by what guests and cluster saw: it
// passes where it does the right thing, and fails where it does not.
func TestJudgedFromOutside(t *testing.T) {
	hasty := func() door.Prober {
		return door.Containers(func(ctx context.Context, p *door.Probe, c door.Container) {
			client := &http.Client{Transport: p.Transport(), Timeout: p.Spec.Timeout}
			for ; ctx.Err() == nil; time.Sleep(p.Spec.Period) {
				p.Report(door.State{Instance: c.Instance, Healthy: get(ctx, client, p, c)})
			}
		})
	}
	for _, tt := range []struct {
		bed  bubble.Bed
		name string
		want judge.Result
	}{
		{bubble.Bed{Factory: newVendor(false)}, "threshold-ffsff", judge.Pass},
		{bubble.Bed{Factory: newVendor(false)}, "threshold-pairs", judge.Pass},
		{bubble.Bed{Factory: newVendor(false)}, "timing-delay-once", judge.Pass},
		{bubble.Bed{Factory: newVendor(false)}, "timing-prober-restart-ready", judge.Fail},
		{bubble.Bed{Factory: hasty}, "threshold-ffsff", judge.Fail},
		{bubble.Bed{Factory: newVendor(true), Outside: true}, "threshold-ffsff", judge.Pass},
	} {
		for _, job := range jobs(t, campaign.Selection{Profiles: []string{"kubernetes"}}, tt.name) {
			v := judged(t, tt.bed, job)
			if v.Result != tt.want || v.View != trace.ViewWire {
				t.Errorf("%s: %s from %s, want %s from wire: %s %s", v.Case, v.Result, v.View, tt.want, v.Reason, first(&v))
			}
		}
	}
}

// One trace in many runs, whatever the number of processors.
func TestReproducible(t *testing.T) {
	for _, name := range []string{"threshold-flapping-guest", "guide-http-liveness", "multi-one-server-hangs"} {
		for _, job := range jobs(t, campaign.Selection{Profiles: []string{"kubernetes", "kubevirt"}}, name)[:1] {
			for _, factory := range []func() door.Prober{newVendor(true), newVendor(false), newOurs} {
				digests := map[string]int{}
				for i := range 20 {
					old := runtime.GOMAXPROCS(1 + i%2)
					tr, err := bubble.Bed{Factory: factory}.Run(t.Context(), job.Case, job.Seed)
					runtime.GOMAXPROCS(old)
					if err != nil {
						t.Fatal(err)
					}
					digests[tr.Digest]++
				}
				if len(digests) != 1 {
					t.Errorf("%s: %d traces in 20 runs: %v", job.Case.ID(), len(digests), digests)
				}
			}
		}
	}
}
