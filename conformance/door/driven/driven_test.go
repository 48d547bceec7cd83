package driven_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/door/driven"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
)

// handler is that of somebody who stands on http.Transport. below: which status
// codes are good.
func handler(below int) driven.Try {
	return func(ctx context.Context, r driven.Request) probes.Result {
		if r.Probe.Spec.Handler != probes.HTTPGet {
			return r.Ours()
		}
		url := r.Probe.URL(door.Container{Instance: r.Instance, Address: r.Address})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return probes.Result{Class: probes.Failure, Message: err.Error()}
		}
		resp, err := (&http.Client{Transport: r.Probe.Transport()}).Do(req)
		if err != nil {
			return probes.Result{Class: probes.Failure, Message: err.Error()}
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return probes.Result{Class: probes.Errored, Message: err.Error()}
		}
		if resp.StatusCode >= 200 && resp.StatusCode < below {
			return probes.Result{Class: probes.Success}
		}
		return probes.Result{Class: probes.Failure, Message: "HTTP probe failed with statuscode: " + strconv.Itoa(resp.StatusCode)}
	}
}

// A handler with goroutines passes where it is right, also when the prober is
// restarted, loses a try to a panic or has its clock moved: our engine is around
// it. A wrong one fails.
func TestBy(t *testing.T) {
	for name, profile := range map[string]string{
		"threshold-ffsff": "kubernetes", "threshold-panic-is-nothing": "kubernetes", "http-body-error-never-ready": "kubevirt",
		"timing-prober-restart-ready": "kubernetes", "timing-clock-step-in-delay": "kubernetes",
	} {
		list, err := (&campaign.Selection{Seeds: 1, Seed: 1, Profiles: []string{profile}}).Jobs([]string{name}, nil, os.Stderr, "bubble")
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range list {
			for below, want := range map[int]judge.Result{400: judge.Pass, 600: judge.Fail} {
				if below == 600 && name != "threshold-ffsff" {
					continue
				}
				bed := bubble.Bed{Factory: driven.By(handler(below)), ClockSteps: true}
				tr, err := bed.Run(t.Context(), job.Case, job.Seed)
				if v := campaign.Judge(suite.Outcome{Job: job, Trace: tr, Err: err}); v.Result != want {
					t.Errorf("%s below %d: %s, want %s: %s %+v", v.Case, below, v.Result, want, v.Reason, v.Failures)
				}
			}
		}
	}
}
