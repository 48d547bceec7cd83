package sim_test

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// A task is blocking code in virtual time.
func Example() {
	k := sim.New(7)
	defer k.Close()
	var kettle *sim.Task
	k.Go(k.Name("tea"), func(t *sim.Task) {
		kettle = t
		boiled := t.Park(5 * time.Minute) // until somebody calls Unpark
		fmt.Println("tea:", t.Now(), boiled)
	})
	k.Go(k.Name("kettle"), func(t *sim.Task) {
		t.SleepUntil(3 * time.Minute)
		kettle.Unpark()
	})
	fmt.Println(k.Run(time.Hour), k.Now())
	// Output:
	// tea: 3m0s true
	// <nil> 1h0m0s
}

// A timer is a callback; arming it again allocates nothing.
func ExampleKernel_NewTimer() {
	k := sim.New(7)
	var tick *sim.Timer
	tick = k.NewTimer(k.Name("clock"), func() {
		fmt.Println("tick", k.Now())
		k.Set(tick, k.Now()+time.Second)
	})
	k.Set(tick, time.Second)
	_ = k.Run(3 * time.Second)
	// Output:
	// tick 1s
	// tick 2s
	// tick 3s
}

// Draws have no order: each is a function of seed, stream and index.
func ExampleDraw() {
	jitter := sim.Draw(7, sim.Stream("vm/web/jitter"), 0)
	fmt.Println(sim.Below(jitter, 10), sim.Chance(jitter, 50))
	// Output:
	// 4 true
}
