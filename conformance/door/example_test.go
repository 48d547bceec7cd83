package door_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// probe is a prober of ten lines, with package time and net/http: it is ready
// when the server answers, at once. In a test of yours it goes to
// conformance.Test.
func probe(ctx context.Context, p *door.Probe, c door.Container) {
	client := &http.Client{Transport: p.Transport(), Timeout: p.Spec.Timeout}
	for ready := false; ctx.Err() == nil; time.Sleep(p.Spec.Period) {
		resp, err := client.Get(p.URL(c))
		if err == nil {
			resp.Body.Close()
		}
		if ok := err == nil && resp.StatusCode < 400; ok != ready {
			ready = ok
			p.Report(door.State{Instance: c.Instance, Healthy: ok})
		}
	}
}

func Example() {
	loaded, err := suite.Load([]string{"guide-http-readiness"}, nil)
	if err != nil {
		panic(err)
	}
	cases, _, _ := suite.Cases(loaded, nil)
	bed := bubble.Bed{Factory: func() door.Prober { return door.Containers(probe) }}
	start := time.Now()
	trace, err := bed.Run(context.Background(), cases[0], 1)
	if err != nil {
		panic(err)
	}
	last := trace.Events[len(trace.Events)-1].T
	fmt.Println(last > time.Minute, time.Since(start) < last)
	// Output: true true
}
