package kernel_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/kernel"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// plain is a whole prober as one function.
type plain struct {
	tells bool // of its tries
	delay time.Duration
}

func (v plain) probe(ctx context.Context, e *kernel.Env, p *door.Probe, c door.Container) {
	healthy, run, last := p.Spec.Kind == probes.Liveness, int32(0), false
	if p.Spec.Kind != probes.Startup {
		p.Report(door.State{Instance: c.Instance, Healthy: healthy})
	}
	next := c.Started.Add(p.Spec.InitialDelay + v.delay)
	for number := int32(1); e.Sleep(ctx, next.Sub(e.Now())) == nil; number++ {
		if ok := v.ask(ctx, e, p, c, number); ok != last {
			run, last = 0, ok
		}
		run++
		due := last && run >= p.Spec.SuccessThreshold || !last && run >= p.Spec.FailureThreshold
		if due && last != healthy || due && p.Spec.Kind == probes.Startup {
			healthy = last
			p.Report(door.State{Instance: c.Instance, Healthy: last})
			if !last && p.Spec.Kind != probes.Readiness {
				p.Report(door.Failed{Instance: c.Instance})
				return
			}
			if p.Spec.Kind == probes.Startup {
				return
			}
		}
		for next = next.Add(p.Spec.Period); next.Before(e.Now()); {
			next = next.Add(p.Spec.Period)
		}
	}
}

func (v plain) ask(ctx context.Context, e *kernel.Env, p *door.Probe, c door.Container, number int32) bool {
	if v.tells {
		p.Report(door.TryStarted{Instance: c.Instance, Attempt: number, Try: 1})
	}
	class, message := probes.Failure, "no"
	if try(e.WithTimeout(context.WithoutCancel(ctx), p.Spec.Timeout), e, p, c) {
		class, message = probes.Success, ""
	}
	if v.tells {
		p.Report(door.TryFinished{Instance: c.Instance, Attempt: number, Try: 1, Class: class, Message: message})
	}
	return class == probes.Success
}

func try(ctx context.Context, e *kernel.Env, p *door.Probe, c door.Container) bool {
	switch p.Spec.Handler {
	case probes.TCPSocket:
		conn, err := e.DialContext(ctx, "tcp", p.Address(c.Address))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	case probes.GuestAgentPing:
		return ping(ctx, e)
	case probes.Exec:
		code, _, err := p.Exec(ctx, p.Spec.Command, p.Spec.Timeout)
		return err == nil && code == 0
	default:
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL(c), http.NoBody)
	if err != nil {
		return false
	}
	for _, h := range p.Spec.HTTP.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	resp, err := (&http.Client{Transport: e}).Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

// ping speaks to the guest agent itself.
func ping(ctx context.Context, e *kernel.Env) bool {
	conn, err := e.DialAgent(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	by, _ := ctx.Deadline()
	if conn.SetDeadline(by) != nil {
		return false
	}
	lines := bufio.NewReader(conn)
	for _, step := range []struct{ send, want string }{
		{fmt.Sprintf(`{"execute":"guest-sync","arguments":{"id":%d}}`, e.Now().UnixNano()), fmt.Sprint(e.Now().UnixNano())},
		{`{"execute":"guest-ping"}`, ""},
	} {
		if _, err := fmt.Fprintln(conn, step.send); err != nil {
			return false
		}
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return false
			}
			var reply struct{ Return, Error json.RawMessage }
			_ = json.Unmarshal(line, &reply)
			if step.want == "" && reply.Error != nil {
				return false
			}
			if reply.Return != nil && (step.want == "" || string(reply.Return) == step.want) {
				break
			}
		}
	}
	return true
}

func judged(t *testing.T, bed kernel.Bed, job suite.Job) judge.Verdict {
	t.Helper()
	tr, err := bed.Run(t.Context(), job.Case, job.Seed)
	return campaign.Judge(suite.Outcome{Job: job, Trace: tr, Err: err})
}

// A whole prober in one function passes what it is right about, from inside and
// from outside, with every kind of probe; one that begins too early does not.
func TestWorker(t *testing.T) {
	for name, profile := range map[string]string{
		"threshold-ffsff": "kubernetes", "threshold-pairs": "kubernetes", "threshold-flapping-guest": "kubernetes",
		"guide-tcp-readiness": "kubernetes", "guide-agent-ping": "openshift-doc",
		"agent-stale-reply": "openshift-doc", "lifecycle-pod-crash-loop": "kubernetes",
	} {
		list, err := (&campaign.Selection{Seeds: 1, Seed: 1, Profiles: []string{profile}}).Jobs([]string{name}, nil, os.Stderr, "kernel")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, job := range list {
			for _, tells := range []bool{true, false} {
				v := judged(t, kernel.Bed{Worker: plain{tells: tells}.probe}, job)
				want := trace.ViewProber
				if !tells {
					want = trace.ViewWire
				}
				if v.Result != judge.Pass || v.View != want {
					t.Errorf("%s from %s: %s from %s, %s %+v", v.Case, want, v.Result, v.View, v.Reason, v.Failures)
				}
			}
			if v := judged(t, kernel.Bed{Worker: plain{tells: true, delay: -time.Second}.probe}, job); v.Result != judge.Fail {
				t.Errorf("%s: %s of a prober that begins too early", v.Case, v.Result)
			}
		}
	}
}

func TestWorkerUnsupported(t *testing.T) {
	bed := kernel.Bed{Worker: plain{}.probe}
	seen := map[string]bool{}
	for _, job := range jobs(t) {
		if reason := bed.Unsupported(job.Case); reason != "" {
			seen[reason] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("reasons %v, want three", seen)
	}
	bed.Lacks = func(*scenarios.Case) string { return "it is lazy" }
	if got := bed.Unsupported(jobs(t, "threshold-ffsff")[0].Case); got != "it is lazy" {
		t.Error(got)
	}
}

// A worker that does not wait, or panics, is an error of the case; a dial to
// nobody without a deadline is none.
func TestWorkerTrouble(t *testing.T) {
	job := jobs(t, "threshold-ffsff")[0]
	for name, tt := range map[string]struct {
		worker kernel.Worker
		want   string
	}{
		"ignores its end": {func(ctx context.Context, e *kernel.Env, p *door.Probe, _ door.Container) {
			for {
				_ = e.Sleep(ctx, p.Spec.Period)
			}
		}, "does not give way"},
		"real sleep": {func(context.Context, *kernel.Env, *door.Probe, door.Container) { <-make(chan int) }, "worker_test.go"},
		"panics":     {func(context.Context, *kernel.Env, *door.Probe, door.Container) { panic("nil map") }, "the worker panicked"},
	} {
		_, err := kernel.Bed{Worker: tt.worker, Patience: 200 * time.Millisecond}.Run(t.Context(), jobs(t, "lifecycle-pod-container-dies")[0].Case, 1)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %.300v, want %q", name, err, tt.want)
		}
	}
	bed := kernel.Bed{Worker: func(ctx context.Context, e *kernel.Env, _ *door.Probe, _ door.Container) {
		_, err := e.DialContext(ctx, "tcp", "10.9.9.9:1")
		if err == nil {
			t.Error("nobody answers")
		}
		if err := e.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("Sleep past the end of the container: %v", err)
		}
	}}
	if _, err := bed.Run(t.Context(), job.Case, 1); err != nil {
		t.Error(err)
	}
}
