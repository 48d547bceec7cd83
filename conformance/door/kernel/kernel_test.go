package kernel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door/kernel"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
)

// handler is a vendor's handler: an ordinary http.Client without a Timeout, and
// a plain connect.
func handler(ctx context.Context, e *kernel.Env, p *probes.Probe) probes.Result {
	host, port := p.HTTP.Host, p.HTTP.Port.Number
	if p.Handler == probes.TCPSocket {
		host, port = p.TCP.Host, p.TCP.Port.Number
	}
	if host == "" {
		host = e.Address
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if p.Handler == probes.TCPSocket {
		conn, err := e.DialContext(ctx, "tcp", address)
		if err != nil {
			return probes.Result{Class: probes.Failure, Message: err.Error()}
		}
		_ = conn.Close()
		return probes.Result{Class: probes.Success}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.ToLower(p.HTTP.Scheme)+"://"+address+p.HTTP.Path, nil)
	if err != nil {
		return probes.Result{Class: probes.Errored, Message: err.Error()}
	}
	resp, err := (&http.Client{Transport: e}).Do(req)
	if err != nil {
		return probes.Result{Class: probes.Failure, Message: err.Error()}
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(io.LimitReader(resp.Body, 10<<10)); err != nil {
		return probes.Result{Class: probes.Errored, Message: err.Error()}
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 400 {
		return probes.Result{Class: probes.Success}
	}
	return probes.Result{Class: probes.Failure, Message: "HTTP probe failed with statuscode: " + strconv.Itoa(resp.StatusCode)}
}

func jobs(t *testing.T, args ...string) []suite.Job {
	t.Helper()
	list, err := (&campaign.Selection{Seeds: 1, Seed: 1, Profiles: []string{"kubernetes", "kubevirt"}}).Jobs(args, nil, os.Stderr, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// differs are scenarios in which the handler is wrong, or reads in other pieces.
var differs = map[string]bool{
	"threshold-warning-counts": true, // it follows a redirect to another host
	"network-bandwidth-body":   true,
}

// A handler of net/http passes what needs no more, and leaves the trace of our
// own handler: our engine is around both.
func TestHandler(t *testing.T) {
	cases := 0
	for _, job := range jobs(t, "threshold-*", "network-*") {
		if differs[job.Case.Scenario] {
			continue
		}
		tr, err := kernel.Bed{Try: handler}.Run(t.Context(), job.Case, job.Seed)
		v := campaign.Judge(suite.Outcome{Job: job, Trace: tr, Err: err})
		if v.Result != judge.Pass {
			t.Errorf("%s: %s %s %+v", v.Case, v.Result, v.Reason, v.Failures)
			continue
		}
		own, err := simbed.Bed{Bare: true}.Run(t.Context(), job.Case, job.Seed)
		if err != nil {
			t.Fatal(err)
		}
		if tr.Digest != own.Digest {
			t.Errorf("%s: another trace than that of our own handler", v.Case)
		}
		cases++
	}
	t.Logf("%d cases with the trace of our own handler", cases)
	if cases < 90 {
		t.Error("too few")
	}
}

// What goes wrong in a try is an error of the case, not a hang.
func TestTrouble(t *testing.T) {
	job := jobs(t, "threshold-ffsff")[0]
	forever := make(chan int)
	bed := kernel.Bed{Patience: 200 * time.Millisecond, Try: func(context.Context, *kernel.Env, *probes.Probe) probes.Result {
		<-forever
		return probes.Result{}
	}}
	if _, err := bed.Run(t.Context(), job.Case, 1); !errors.Is(err, kernel.ErrStuck) || !strings.Contains(err.Error(), "kernel_test.go") {
		t.Errorf("error %v, want ErrStuck with the place", err)
	}
	close(forever)
	bed.Try = func(context.Context, *kernel.Env, *probes.Probe) probes.Result { panic("nil map") }
	if _, err := bed.Run(t.Context(), job.Case, 1); err == nil || !strings.Contains(err.Error(), "the try panicked") {
		t.Errorf("error %v, want the panic", err)
	}
	bed.Try = func(ctx context.Context, e *kernel.Env, _ *probes.Probe) probes.Result {
		if err := e.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
			t.Errorf("Sleep past the deadline: %v, ctx %v", err, ctx.Err())
		}
		return probes.Result{Class: probes.Failure}
	}
	if _, err := bed.Run(t.Context(), job.Case, 1); err != nil {
		t.Error(err)
	}
}
