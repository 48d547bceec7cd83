package door_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// clockwork is a prober that takes a clock.Clock. In a bubble it gets the real
// one, clock.New(), which the bubble makes virtual, and not a clock.Mock.
type clockwork struct{ clock clock.Clock }

func (w clockwork) probe(ctx context.Context, p *door.Probe, c door.Container) {
	client := &http.Client{Transport: p.Transport(), Timeout: p.Spec.Timeout}
	ticker := w.clock.Ticker(p.Spec.Period)
	defer ticker.Stop()
	for {
		if w.clock.Since(c.Started) >= p.Spec.InitialDelay {
			resp, err := client.Get(p.URL(c))
			if err == nil {
				resp.Body.Close()
			}
			p.Report(door.State{Instance: c.Instance, Healthy: err == nil && resp.StatusCode < 400})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func Example_clock() {
	loaded, err := suite.Load([]string{"guide-http-readiness"}, nil)
	if err != nil {
		panic(err)
	}
	cases, _, _ := suite.Cases(loaded, nil)
	bed := bubble.Bed{Factory: func() door.Prober {
		return door.Containers(clockwork{clock.New()}.probe)
	}}
	begin := clock.New().Now()
	trace, err := bed.Run(context.Background(), cases[0], 1)
	if err != nil {
		panic(err)
	}
	last := trace.Events[len(trace.Events)-1].T
	fmt.Println("minutes of the prober's clock:", last.Minutes() > 5, "of ours:", clock.New().Since(begin).Minutes() > 1)
	// Output: minutes of the prober's clock: true of ours: false
}
