package realtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// On a Mock, as users of the package test what stands on it: the clock is
// moved by hand, one update awaited after the other.
func TestProbesOnAMock(t *testing.T) {
	mock := clock.NewMock()
	updates := make(chan realtime.Update, 10)
	d := realtime.New(t.Context(), mock, func(u realtime.Update) { updates <- u })
	defer d.Close()
	release := make(chan probes.Class)
	p, err := d.Add(readiness, func(ctx context.Context, _, _ int32) probes.Result {
		select {
		case class := <-release:
			return probes.Result{Class: class, Message: "mock"}
		case <-ctx.Done():
			return probes.Result{Class: probes.Errored}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := func(lines ...string) {
		t.Helper()
		for _, l := range lines {
			select {
			case u := <-updates:
				if got := line(u); got != l {
					t.Fatalf("update %q, want %q", got, l)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no update, want %q", l)
			}
		}
	}
	p.ContainerStarted(0)
	want("0s healthy=false", "0s try 1.1")
	mock.Add(25 * time.Second) // the attempt outlasts two periods
	release <- probes.Success
	want("25s success mock", "25s healthy=true", "25s try 2.1")
	release <- probes.Failure
	want("25s failure mock", "25s healthy=false")
	mock.Add(4999 * time.Millisecond)
	if len(updates) > 0 {
		t.Fatalf("update %q before the tick", line(<-updates))
	}
	mock.Add(time.Millisecond)
	want("30s try 3.1")
	p.Stop()
	<-p.Done()
}
