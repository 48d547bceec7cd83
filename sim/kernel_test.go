package sim_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

func TestRunStopsAtTheInstant(t *testing.T) {
	k := sim.New(1)
	var fired []time.Duration
	for _, at := range []time.Duration{3, 1, 2, 5} {
		k.Set(k.NewTimer(1, func() { fired = append(fired, k.Now()) }), at)
	}
	if err := k.Run(3); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(fired); got != "[1ns 2ns 3ns]" {
		t.Errorf("fired at %s", got)
	}
	if at, ok := k.Next(); !ok || at != 5 || k.Now() != 3 {
		t.Errorf("next %v %v, now %v", at, ok, k.Now())
	}
	if err := k.Run(sim.Forever); err != nil || k.Now() != 5 {
		t.Errorf("%v, now %v", err, k.Now())
	}
	if _, ok := k.Next(); ok || k.Events() != 4 {
		t.Errorf("events %d", k.Events())
	}
}

func TestTimerRearmStopAndPast(t *testing.T) {
	k := sim.New(1)
	var log []string
	a := k.NewTimer(1, func() { log = append(log, fmt.Sprint("a", k.Now())) })
	b := k.NewTimer(2, func() { log = append(log, fmt.Sprint("b", k.Now())) })
	k.Set(a, 10)
	k.Set(a, 4) // moved forward
	k.Set(b, 2)
	k.Set(b, 6) // moved back
	if !k.Stop(b) || k.Stop(b) || b.Armed() {
		t.Error("Stop of an armed, then of an idle timer")
	}
	k.Set(b, sim.Forever)
	if b.Armed() {
		t.Error("Forever arms")
	}
	_ = k.Run(5)
	k.Set(a, 1) // in the past: now
	_ = k.Run(5)
	if got := strings.Join(log, " "); got != "a4ns a5ns" {
		t.Error(got)
	}
}

func TestPanics(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	web := k.Name("web")
	boom := errors.New("boom")
	k.Set(k.NewTimer(web, func() { panic(boom) }), 7)
	err := k.Run(10)
	p, ok := errors.AsType[*sim.Panic](err)
	if !ok || p.Actor != web || !errors.Is(err, boom) || p.At != 7 {
		t.Fatalf("%#v", err)
	}
	if got, want := err.Error(), "panic of web at 7ns: boom"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(string(p.Stack), "TestPanics") {
		t.Error("the stack does not show the culprit")
	}

	k.Go(9, func(*sim.Task) { panic("task") })
	if err := k.Run(10); err == nil || err.Error() != "panic of actor 9 at 7ns: task" {
		t.Errorf("%v", err)
	}

	var caught *sim.Panic
	deferred := false
	k.Go(9, func(task *sim.Task) {
		task.Recover(func(p *sim.Panic) { caught = p })
		defer func() { deferred = true }()
		task.SleepUntil(20)
		panic("own")
	})
	if err := k.Run(30); err != nil || caught == nil || caught.Value != "own" || !deferred {
		t.Errorf("%v, %v", err, caught)
	}

	// A handler does not outlive its task, though the coroutine does.
	k.Go(9, func(*sim.Task) { panic("again") })
	if err := k.Run(31); err == nil {
		t.Error("the handler of an earlier task took a panic")
	}
}

func TestPanicInRecoverHandler(t *testing.T) {
	k := sim.New(1)
	k.Go(3, func(task *sim.Task) {
		task.Recover(func(*sim.Panic) { panic("handler") })
		panic("task")
	})
	if err := k.Run(1); err == nil || err.Error() != "panic of actor 3 at 0s: handler" {
		t.Errorf("%v", err)
	}
	k.Close()
}

func TestLivelock(t *testing.T) {
	for _, limit := range []int{5, 1000} {
		k := sim.New(1)
		k.LimitBurst(limit)
		for _, name := range []string{"ping", "pong"} {
			var tm *sim.Timer
			tm = k.NewTimer(k.Name(name), func() { k.Set(tm, k.Now()) })
			k.Set(tm, 3)
		}
		err := k.Run(10)
		l, ok := errors.AsType[*sim.Livelock](err)
		if !ok || l.At != 3 || l.Events != limit || len(l.Actors) != 2 {
			t.Fatalf("limit %d: %#v", limit, err)
		}
		for _, name := range []string{"ping", "pong"} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %s", err, name)
			}
		}
		if got := k.Events(); got != uint64(limit) {
			t.Errorf("%d events, want %d", got, limit)
		}
	}
}

func TestBurstBelowTheLimit(t *testing.T) {
	k := sim.New(1)
	k.LimitBurst(10)
	n := 0
	var tm *sim.Timer
	tm = k.NewTimer(1, func() {
		if n++; n%10 != 0 {
			k.Set(tm, k.Now())
		} else if n < 100 {
			k.Set(tm, k.Now()+1)
		}
	})
	k.Set(tm, 0)
	if err := k.Run(sim.Forever); err != nil || n != 100 {
		t.Errorf("%v after %d", err, n)
	}
}

func TestStuck(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	k.Go(k.Name("reader"), func(task *sim.Task) { task.Park(sim.Forever) })
	k.Go(k.Name("server"), func(task *sim.Task) {
		task.Daemon()
		task.Park(sim.Forever)
	})
	err := k.Run(time.Second)
	s, ok := errors.AsType[*sim.Stuck](err)
	if !ok || len(s.Actors) != 1 || s.Actors[0] != sim.ActorOf("reader") {
		t.Fatalf("%#v", err)
	}
	if got, want := err.Error(), "deadlock: no event left at 1s, and still waiting: reader"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHalt(t *testing.T) {
	k := sim.New(1)
	enough := errors.New("enough")
	n := 0
	for range 3 {
		k.Set(k.NewTimer(1, func() {
			if n++; n == 2 {
				k.Halt(enough)
			}
		}), time.Duration(n))
	}
	if err := k.Run(9); !errors.Is(err, enough) || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
	if err := k.Run(9); err != nil || n != 3 {
		t.Errorf("%v after %d", err, n)
	}
}

// Reference: virtual-time.md section 6: Close must stop the parked coroutines
// as well as the idle ones, or each kernel stays in memory.
func TestCloseLeavesNoCoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	unwound := 0
	for range 20 {
		k := sim.New(1)
		for i := range 10 {
			k.Go(sim.Actor(i), func(task *sim.Task) {
				defer func() {
					unwound++
					if i == 4 {
						task.SleepUntil(sim.Forever) // unwinds further
					}
				}()
				defer func() {
					if i == 5 {
						_ = recover() // swallows the unwinding
						task.Park(sim.Forever)
					}
				}()
				if i%2 == 0 {
					task.SleepUntil(sim.Forever)
				} else if i != 7 {
					task.Park(sim.Forever)
				}
			})
		}
		_ = k.Run(5)
		k.Go(99, func(*sim.Task) { t.Error("a task that had not begun ran") })
		k.Close()
		k.Close()
		if err := k.Run(6); !errors.Is(err, sim.ErrClosed) {
			t.Error(err)
		}
		k.Go(1, func(*sim.Task) {})
	}
	if unwound != 200 {
		t.Errorf("%d deferred calls ran, want 200", unwound)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestRunInsideRun(t *testing.T) {
	k := sim.New(1)
	k.Set(k.NewTimer(1, func() { _ = k.Run(9) }), 1)
	if err := k.Run(2); err == nil || !strings.Contains(err.Error(), "Run called from inside Run") {
		t.Error(err)
	}
	k.Set(k.NewTimer(1, k.Close), 2)
	if err := k.Run(2); err == nil || !strings.Contains(err.Error(), "Close called from inside Run") {
		t.Error(err)
	}
}

// TestReset: a kernel that is reset in the midst of a run lives as a new one
// does, and nothing of the run before goes on.
func TestReset(t *testing.T) {
	live := func(k *sim.Kernel, until time.Duration) []string {
		var log []string
		for _, name := range []string{"ping", "pong"} {
			actor := k.Name(name)
			k.Set(k.NewTimer(actor, func() { log = append(log, name) }), 3)
			for range 3 {
				k.Go(actor, func(task *sim.Task) {
					defer func() { log = append(log, "end of "+name) }()
					task.SleepUntil(3)
					log = append(log, fmt.Sprint(name, k.Draw(1, 2)))
					task.SleepUntil(5)
				})
			}
		}
		if err := k.Run(until); err != nil {
			t.Fatal(err)
		}
		return log
	}
	want := live(sim.New(7), 6)
	used := sim.New(8)
	defer used.Close()
	live(used, 4) // tasks are under way
	k := used.NewTimer(1, func() { t.Error("a timer of the run before fired") })
	used.Set(k, 5)
	for range 2 {
		used.Reset(7)
		if got := live(used, 6); !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if used.Events() == 0 || used.Now() != 6 || k.Armed() {
		t.Errorf("%d events until %s", used.Events(), used.Now())
	}
}
