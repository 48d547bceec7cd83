package realtime_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// readiness is a probe every ten seconds.
var readiness = engine.Config{
	Kind: probes.Readiness, Period: 10 * time.Second, FailureThreshold: 1, SuccessThreshold: 1, Tries: 3,
}

func liveness() engine.Config {
	cfg := readiness
	cfg.Kind = probes.Liveness
	return cfg
}

// history collects updates as lines.
type history struct {
	mu    sync.Mutex
	lines []string
}

func (h *history) notify(u realtime.Update) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line(u))
}

func line(u realtime.Update) string {
	switch u.Action.Kind {
	case engine.StartTry:
		return fmt.Sprintf("%v try %d.%d", u.At, u.Action.Attempt, u.Action.Try)
	case engine.AttemptFinished:
		return fmt.Sprintf("%v %v %s", u.At, u.Action.Class, u.Result.Message)
	case engine.Publish:
		return fmt.Sprintf("%v healthy=%t", u.At, u.Action.Healthy)
	case engine.LivenessFailed:
		return fmt.Sprintf("%v failed", u.At)
	}
	return "?"
}

func (h *history) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.lines, want) {
		t.Errorf("updates\n  %s\nwant\n  %s", strings.Join(h.lines, "\n  "), strings.Join(want, "\n  "))
	}
	h.lines = nil
}

// answers is a Try that gives one class after the other, each after a while
// on the clock of the test; the last one repeats.
func answers(took time.Duration, classes ...probes.Class) realtime.Try {
	n := 0
	return func(ctx context.Context, _, _ int32) probes.Result {
		class := classes[min(n, len(classes)-1)]
		n++
		select {
		case <-time.After(took):
		case <-ctx.Done():
		}
		return probes.Result{Class: class, Message: fmt.Sprintf("answer %d", n)}
	}
}

// The production clock, in a bubble: its time is exact.
func TestProbesOnTheProductionClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history
		d := realtime.New(t.Context(), clock.New(), h.notify)
		defer d.Close()
		p, err := d.Add(readiness, answers(time.Second, probes.Success, probes.Errored, probes.Errored, probes.Failure))
		if err != nil {
			t.Fatal(err)
		}
		p.ContainerStarted(0)
		time.Sleep(24 * time.Second)
		synctest.Wait()
		h.want(t, "0s healthy=false", "0s try 1.1", "1s success answer 1", "1s healthy=true",
			"10s try 2.1", "11s try 2.2", "12s try 2.3", "13s failure answer 4", "13s healthy=false",
			"20s try 3.1", "21s failure answer 5")
		p.Trigger()
		time.Sleep(12 * time.Second)
		synctest.Wait()
		h.want(t, "24s try 4.1", "25s failure answer 6", "34s try 5.1", "35s failure answer 7")
		p.ContainerStopped(false)
		time.Sleep(time.Hour)
		h.want(t)
		if !p.State().Ended {
			t.Errorf("state %v", p.State())
		}
	})
}

// The same engine with the initial delay, a late report of the container, the
// startup gate and termination.
func TestTellsTheWorkerEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history
		d := realtime.New(t.Context(), clock.New(), h.notify)
		defer d.Close()
		cfg := liveness()
		cfg.InitialDelay, cfg.StartupGate = 25*time.Second, true
		start := time.Now()
		p, err := d.Add(cfg, answers(0, probes.Success, probes.Failure))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		p.ContainerStarted(d.Instant(start.Add(2 * time.Second)))
		p.ClockStepped(4 * time.Second)
		time.Sleep(39 * time.Second)
		h.want(t, "3s healthy=true")
		p.StartupPassed()
		time.Sleep(10 * time.Second)
		p.Terminating()
		time.Sleep(time.Minute)
		h.want(t, "50s try 1.1", "50s success answer 1")
	})
}

// PANIC-CONTINUE: neither a panic nor a Goexit ends the probing.
func TestPanicLosesOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history
		d := realtime.New(t.Context(), clock.New(), h.notify)
		defer d.Close()
		p, err := d.Add(liveness(), func(_ context.Context, attempt, _ int32) probes.Result {
			switch attempt {
			case 1:
				panic("nil map")
			case 2:
				runtime.Goexit()
			}
			return probes.Result{Class: probes.Failure, Message: "down"}
		})
		if err != nil {
			t.Fatal(err)
		}
		p.ContainerStarted(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		h.want(t, "0s healthy=true", "0s try 1.1", "0s error ", "10s try 2.1", "10s error ",
			"20s try 3.1", "20s failure down", "20s healthy=false", "20s failed")
	})
}

// A listener may restart the container, stop a worker and add another from
// within the update.
func TestListenerMayAnswerFromWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			h history
			d *realtime.Driver
			q *realtime.Handle
		)
		d = realtime.New(t.Context(), clock.New(), func(u realtime.Update) {
			h.notify(u)
			if u.Action.Kind != engine.LivenessFailed {
				return
			}
			if q != nil {
				u.Handle.Stop()
				return
			}
			u.Handle.ContainerStopped(true)
			u.Handle.ContainerStarted(u.At)
			var err error
			if q, err = d.Add(readiness, answers(0, probes.Success)); err != nil {
				t.Error(err)
			}
		})
		defer d.Close()
		p, err := d.Add(liveness(), answers(0, probes.Failure))
		if err != nil {
			t.Fatal(err)
		}
		p.ContainerStarted(0)
		time.Sleep(time.Minute)
		<-p.Done()
		h.want(t, "0s healthy=true", "0s try 1.1", "0s failure answer 1", "0s healthy=false", "0s failed",
			"0s healthy=true", "10s try 2.1", "10s failure answer 2", "10s healthy=false", "10s failed")
	})
}

// Close cancels what is in flight and waits for it; the bubble fails the test
// if a goroutine is left.
func TestCloseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history
		d := realtime.New(t.Context(), clock.New(), h.notify)
		var returned atomic.Int32
		add := func() *realtime.Handle {
			p, err := d.Add(readiness, func(ctx context.Context, _, _ int32) probes.Result {
				<-ctx.Done()
				time.Sleep(3 * time.Second) // a try that is slow to give up
				returned.Add(1)
				return probes.Result{Class: probes.Success}
			})
			if err != nil {
				t.Fatal(err)
			}
			p.ContainerStarted(0)
			return p
		}
		add()
		add()
		add().Stop() // Close waits for its try too
		h.want(t, "0s healthy=false", "0s try 1.1", "0s healthy=false", "0s try 1.1", "0s healthy=false", "0s try 1.1")
		idle, err := d.Add(readiness, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		if n := returned.Load(); n != 3 {
			t.Errorf("Close returned before %d of 3 tries", 3-n)
		}
		<-idle.Done()
		h.want(t)
		d.Close()
		if _, err := d.Add(readiness, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Add after Close: %v", err)
		}
		idle.ContainerStarted(0)
		idle.Trigger()
		idle.Stop()
		h.want(t)
	})
}

// The end of the context is the end of every worker.
func TestContextEndsTheDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history
		ctx, cancel := context.WithCancel(t.Context())
		d := realtime.New(ctx, clock.New(), h.notify)
		p, err := d.Add(readiness, answers(time.Hour, probes.Success))
		if err != nil {
			t.Fatal(err)
		}
		p.ContainerStarted(0)
		time.Sleep(5 * time.Second)
		cancel()
		<-p.Done()
		h.want(t, "0s healthy=false", "0s try 1.1")
		if _, err := d.Add(readiness, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Add after the context ended: %v", err)
		}
	})
}

func TestAddRefusesAnInvalidProbe(t *testing.T) {
	d := realtime.New(t.Context(), clock.New(), nil)
	defer d.Close()
	if _, err := d.Add(engine.Config{}, nil); err == nil || !strings.Contains(err.Error(), "period 0s") {
		t.Errorf("error %v", err)
	}
}

// A hundred workers at once, with all methods called from many goroutines;
// worth its time under -race.
func TestManyWorkersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		inFlight, attempts := map[*realtime.Handle]int{}, 0
		d := realtime.New(t.Context(), clock.New(), func(u realtime.Update) {
			mu.Lock()
			defer mu.Unlock()
			switch u.Action.Kind {
			case engine.StartTry:
				if inFlight[u.Handle]++; inFlight[u.Handle] > 1 && u.Action.Try == 1 {
					t.Error("two attempts in flight")
				}
			case engine.AttemptFinished:
				inFlight[u.Handle] = 0
				attempts++
			case engine.Publish, engine.LivenessFailed:
			}
		})
		var wg sync.WaitGroup
		for i := range 100 {
			p, err := d.Add(readiness, answers(time.Duration(i)*100*time.Millisecond, probes.Success))
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				p.ContainerStarted(d.Now())
				for range 20 {
					time.Sleep(3 * time.Second)
					wg.Go(p.Trigger)
					p.ClockStepped(time.Second)
					_ = p.State()
				}
			})
		}
		wg.Wait()
		d.Close()
		if attempts < 500 || attempts > 100*21 {
			t.Errorf("%d attempts in a minute of triggers", attempts)
		}
	})
}
