package legal

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// Population lists n legal probers of a profile. Prober i is the same whatever
// n is: those of the boundaries come first, in a fixed order, then mixtures
// that are drawn, one draw a decision.
func Population(profile probes.ProfileName, n int, seed uint64) []Prober {
	list := make([]Prober, 0, n)
	edge := boundaries()
	for i := range n {
		var p Prober
		if i < len(edge) {
			p = edge[i]
		} else {
			p = mixture(seed, i)
		}
		p.Number, p.Seed = i, sim.Draw(seed, drawSeed, uint64(i))
		if profile != probes.OpenShiftDoc {
			p.Tries = 0 // the profile says how many
		}
		list = append(list, p)
	}
	return list
}

// moments is how many moments of a story are met on purpose; a shorter story
// counts round.
const moments = 8

// request is how long a request travels: a tick so much before a moment is
// answered at it.
const request = network.DefaultLatency

// shifts of what meets a moment.
func shifts() []time.Duration { return []time.Duration{0, 1, -1, -request, -request - 1, -request + 1} }

// boundaries are probers at the edges of what is legal, one edge after the
// other and some pairs.
func boundaries() []Prober {
	var list []Prober
	add := func(p Prober) { list = append(list, p) }
	edges := []Ticks{{Place: OnStart}, {Place: AfterStart}, {Place: BeforeStart}}
	for _, t := range edges {
		add(Prober{Ticks: t, Others: t})
	}
	for _, t := range edges {
		p := Prober{Ticks: t, Others: t, Slow: Slow{Results: 100, Since: -1}}
		add(p)
		p.Slow = Slow{Ticks: 100, Since: -1}
		add(p)
		p.Slow = Slow{Readiness: 100, Since: -1}
		add(p)
		p.Slow = Slow{}
		for _, r := range []Rhythm{Burst, Storm, BeforeTick, AfterTick, AllTheTime} {
			p.Syncs = Syncs{Rhythm: r}
			add(p)
		}
	}
	add(Prober{Ticks: edges[0], Others: edges[2]})
	add(Prober{Ticks: edges[2], Others: edges[0]})
	for _, t := range edges {
		add(Prober{Ticks: t, Others: t, Young: true})
	}
	for tries := range int32(3) {
		add(Prober{Ticks: Ticks{Place: Anywhere}, Others: Ticks{Place: Anywhere}, Tries: tries + 1})
	}
	for _, percent := range []int{0, 50, 100} {
		t := Ticks{Place: BeforeStart}
		add(Prober{Ticks: t, Others: t, Restart: Restart{Place: InDelay, Percent: percent}})
		add(Prober{Ticks: t, Others: t, Restart: Restart{Place: InQuiet, Percent: percent}})
	}
	for _, race := range []int{1, 2} {
		add(Prober{Ticks: edges[0], Others: edges[2], Race: race})
	}
	for moment := range moments {
		for _, shift := range shifts() {
			t := Ticks{Place: OnMoment, Moment: moment, Shift: shift}
			add(Prober{Ticks: t, Others: t})
		}
		for _, r := range []Rhythm{Once, Burst} {
			t := Ticks{Place: BeforeStart}
			add(Prober{Ticks: t, Others: t, Syncs: Syncs{Rhythm: r, Moment: moment}})
		}
		t := Ticks{Place: OnMoment, Moment: moment, Shift: -request - 1}
		add(Prober{Ticks: t, Others: t, Slow: Slow{Results: 100, Since: -1}})
		t.Shift = -lateness
		add(Prober{Ticks: t, Others: t, Slow: Slow{Ticks: 100, Since: moment}})
	}
	return list
}

// The streams of draws.
const (
	drawSeed = 0x6c65_0000_0000_0000 + iota
	drawMix
	drawTicks
	drawJitter
	drawResult
)

// dice are the draws of one prober.
type dice struct{ seed, next uint64 }

func (d *dice) below(n int) int {
	d.next++
	return int(sim.Below(sim.Draw(d.seed, drawMix, d.next), uint64(n)))
}

func (d *dice) chance(percent int) bool { return d.below(100) < percent }

// mixture draws a prober. Most have two or three things that are special.
func mixture(seed uint64, i int) Prober {
	d := &dice{seed: sim.Draw(seed, drawMix, uint64(i))}
	p := Prober{Ticks: d.ticks(), Others: d.ticks(), Young: d.chance(10), Tries: int32(d.below(4))}
	if d.chance(50) {
		p.Syncs = d.syncs()
	}
	if d.chance(50) {
		p.Slow = d.slow()
	}
	if d.chance(25) {
		p.Race = 1 + d.below(4)
	}
	if d.chance(20) {
		p.Restart = Restart{Place: InDelay + RestartPlace(d.below(2)), Percent: d.below(101), Quiet: d.below(moments)}
	}
	return p
}

func (d *dice) ticks() Ticks {
	switch {
	case d.chance(70):
		return Ticks{Place: Anywhere}
	case d.chance(50):
		s := shifts()
		return Ticks{Place: OnMoment, Moment: d.below(moments), Shift: s[d.below(len(s))]}
	}
	return Ticks{Place: Place(d.below(3))}
}

func (d *dice) syncs() Syncs {
	s := Syncs{Rhythm: Once + Rhythm(d.below(5)), Moment: d.below(moments)}
	if d.chance(50) {
		s.Shift = time.Duration(d.below(10_000)) * time.Millisecond
	}
	return s
}

func (d *dice) slow() Slow {
	s := Slow{Since: d.below(moments+1) - 1, Uneven: d.chance(50)}
	rest := 100
	for _, part := range []*int{&s.Ticks, &s.Results, &s.Readiness} {
		if d.chance(60) {
			*part = d.below(rest + 1)
			rest -= *part
		}
	}
	return s
}
