package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/sim"
)

// collide runs actors that all act on the same instants and returns who acted
// in which order.
func collide(seed uint64, actors []string) []string {
	k := sim.New(seed)
	defer k.Close()
	var log []string
	for _, name := range actors {
		k.Go(k.Name(name), func(task *sim.Task) {
			for i := range time.Duration(20) {
				task.SleepUntil(i * 100)
				log = append(log, name)
			}
		})
	}
	if err := k.Run(sim.Forever); err != nil {
		panic(err)
	}
	return log
}

func names(n int) []string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprintf("vm-%d", i))
	}
	return s
}

func TestSameSeedSameOrder(t *testing.T) {
	want := collide(1, names(20))
	for range 20 {
		if got := collide(1, names(20)); !slices.Equal(got, want) {
			t.Fatal("two runs of one seed differ")
		}
	}
	if slices.Equal(collide(2, names(20)), want) {
		t.Error("another seed, the same order of 400 ties")
	}
	reversed := names(20)
	slices.Reverse(reversed)
	if !slices.Equal(collide(1, reversed), want) {
		t.Error("the order in which actors are made matters")
	}
}

// Reference: virtual-time.md section 6: key = mix(seed, actor, the actor's own
// counter), so that adding a VM does not reorder the others.
func TestAddingAnActorDoesNotReorderTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(1, 12).Draw(t, "actors")
		all := names(n + 1)
		added := rapid.IntRange(0, n).Draw(t, "added")
		rest := slices.Delete(slices.Clone(all), added, added+1)
		got := slices.DeleteFunc(collide(seed, all), func(s string) bool { return s == all[added] })
		if want := collide(seed, rest); !slices.Equal(got, want) {
			t.Fatalf("with %s:    %s\nwithout it: %s", all[added], strings.Join(got, " "), strings.Join(want, " "))
		}
	})
}

// The queue against a dumb twin: a slice that is searched for the least.
func TestQueueEqualsASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := sim.New(rapid.Uint64().Draw(t, "seed"))
		type item struct {
			timer *sim.Timer
			at    time.Duration
			key   uint64
			armed bool
		}
		const actors = 3
		var items []*item
		var counts [actors]uint64
		var now time.Duration
		fired := -1
		for i := range rapid.IntRange(1, 40).Draw(t, "timers") {
			it := &item{}
			it.timer = k.NewTimer(sim.Actor(i%actors), func() { fired = i })
			items = append(items, it)
		}
		set := func(i int, at time.Duration) {
			a := uint64(i % actors)
			items[i].at, items[i].armed = max(at, now), true
			items[i].key = sim.Draw(k.Seed(), a, counts[a])
			counts[a]++
			k.Set(items[i].timer, at)
		}
		least := func() int {
			best := -1
			for i, it := range items {
				if it.armed && (best < 0 || it.at < items[best].at ||
					it.at == items[best].at && it.key < items[best].key) {
					best = i
				}
			}
			return best
		}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			i := rapid.IntRange(0, len(items)-1).Draw(t, "timer")
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0, 1:
				set(i, now+time.Duration(rapid.IntRange(-2, 5).Draw(t, "in")))
			case 2:
				if k.Stop(items[i].timer) != items[i].armed {
					t.Fatal("Stop disagrees")
				}
				items[i].armed = false
			case 3:
				want := least()
				at, ok := k.Next()
				if ok != (want >= 0) || ok && at != items[want].at {
					t.Fatalf("next %v %v, twin %d", at, ok, want)
				}
				if !ok {
					continue
				}
				fired = -1
				step(k, at)
				if fired != want || k.Now() < now {
					t.Fatalf("fired %d at %v, twin %d", fired, k.Now(), want)
				}
				now = k.Now()
				items[want].armed = false
			}
			for _, it := range items {
				if it.timer.Armed() != it.armed {
					t.Fatal("Armed disagrees")
				}
			}
		}
	})
}

// step fires exactly one event: a burst limit of 1 ends the run before the
// second one of an instant.
func step(k *sim.Kernel, at time.Duration) {
	k.LimitBurst(1)
	_ = k.Run(at)
}

// The order is part of the meaning of a seed, on every architecture. The hash
// was computed by an independent program.
func TestOrderGolden(t *testing.T) {
	got := sim.Stream(strings.Join(collide(7, names(10)), " "))
	if want := uint64(0x4c22e32d62af47c7); got != want {
		t.Errorf("order %#x, want %#x", got, want)
	}
}

// Kernels share nothing: alone or in parallel, the same order.
func TestKernelsInParallel(t *testing.T) {
	want := collide(3, names(30))
	got := make([][]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = collide(3, names(30)) })
	}
	wg.Wait()
	for i := range got {
		if !slices.Equal(got[i], want) {
			t.Errorf("kernel %d ran differently beside others", i)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	tm := k.NewTimer(1, func() {})
	fn := func(task *sim.Task) { task.SleepUntil(task.Now() + 1) }
	once := func() {
		k.Set(tm, k.Now()+5)
		k.Set(tm, k.Now()+3)
		k.Go(2, fn)
		_ = k.Run(k.Now() + 10)
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations for a timer and a task", n)
	}
}
