package legal

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Liberty is what the prober decides in a story.
func (p *Prober) Liberty(s *Story) *simbed.Liberty {
	d := &decisions{p: p, s: s}
	l := &simbed.Liberty{
		Prober:   &prober.Freedom{Offset: d.offset, Jitter: d.jitter, Publish: lateBy(p.Slow.Readiness)},
		Young:    p.Young,
		Tries:    p.Tries,
		Syncs:    d.syncs(),
		Restarts: d.restarts(),
	}
	if p.Slow.Ticks > 0 {
		if p.Slow.Since >= 0 {
			d.since = s.moment(p.Slow.Since)
		}
		l.Prober.Late = d.late
	}
	if p.Slow.Results > 0 {
		l.Prober.Result = d.result
	}
	if p.Race > 0 {
		l.Races = func(r *prober.Request) bool { return int(r.Attempt)%(p.Race+1) == 0 }
	}
	return l
}

// decisions makes the decisions of one prober in one story.
type decisions struct {
	p     *Prober
	s     *Story
	since time.Duration // from which ticks are late
}

func (d *decisions) ticks(slot int) Ticks {
	if slot == 0 {
		return d.p.Ticks
	}
	return d.p.Others
}

// offset is how long before its container the worker begins: its ticks are
// whole periods from there.
func (d *decisions) offset(w prober.Worker) time.Duration {
	switch t := d.ticks(w.Slot); t.Place {
	case OnStart:
		return w.Period
	case AfterStart:
		return w.Period - 1
	case BeforeStart:
		return 1
	case OnMoment:
		at := d.s.moment(t.Moment) + t.Shift
		if w.Pod == 1 { // later ones count from their own start
			at -= w.Start
		}
		if late := at % w.Period; late > 0 {
			return w.Period - late
		} else if late < 0 {
			return -late
		}
		return w.Period
	case Anywhere:
	}
	return 1 + time.Duration(sim.Below(d.draw(drawTicks, w), uint64(w.Period)))
}

// jitter puts the ticks of a young prober where those of an old one are: the
// first of them after the start.
func (d *decisions) jitter(w prober.Worker) time.Duration {
	if t := d.ticks(w.Slot); t.Place == Anywhere || t.Place == OnMoment && w.Start > 0 {
		return time.Duration(sim.Below(d.draw(drawJitter, w), uint64(w.Period)))
	}
	return (w.Period - d.offset(w)) % w.Period
}

func (d *decisions) draw(purpose uint64, w prober.Worker) uint64 {
	return sim.Draw(d.p.Seed, purpose^uint64(w.VM)<<16^uint64(w.Slot)<<8, uint64(uint32(w.Pod)))
}

// late is by how much a tick is taken late: by less than half a period, so
// that none is dropped.
func (d *decisions) late(w prober.Worker, tick time.Duration) time.Duration {
	if tick < d.since {
		return 0
	}
	return min(lateBy(d.p.Slow.Ticks), w.Period/2)
}

// result is by how much a result is learned late. The first try alone is late:
// the others would add to it.
func (d *decisions) result(r *prober.Request, start, took time.Duration) time.Duration {
	if r.Try > 1 {
		return 0
	}
	by := lateBy(d.p.Slow.Results)
	if d.p.Slow.Uneven {
		stream := drawResult ^ uint64(r.VM)<<16 ^ uint64(r.Slot)<<8
		by = time.Duration(sim.Below(sim.Draw(d.p.Seed, stream, uint64(start)), uint64(by)+1))
	}
	if r.Probe.Timeout < r.Probe.Period && took+by < r.Probe.Timeout {
		return by
	}
	return by / time.Duration(max(r.Probe.FailureThreshold, r.Probe.SuccessThreshold)+1)
}

// syncs are the instants of pod syncs.
func (d *decisions) syncs() []time.Duration {
	from, period := d.s.moment(d.p.Syncs.Moment)+d.p.Syncs.Shift, d.s.period
	var list []time.Duration
	every := func(n int, by time.Duration) {
		for i := range n {
			list = append(list, from+time.Duration(i)*by)
		}
	}
	switch d.p.Syncs.Rhythm {
	case Once:
		every(1, 0)
	case Burst:
		every(12, time.Millisecond)
	case Storm:
		every(32, period/16)
	case BeforeTick, AfterTick:
		// Those of the first worker; where they move, the syncs stay.
		first := d.offset(prober.Worker{Pod: 1, Period: period})
		from += (period - (from+first)%period) % period
		if d.p.Syncs.Rhythm == BeforeTick {
			from--
		} else {
			from++
		}
		every(3, period)
	case AllTheTime:
		from = 0
		every(int(d.s.c.Until/(period/2)), period/2)
	case NoSyncs:
	}
	for len(list) > 0 && list[0] < 0 {
		list = list[1:]
	}
	return list
}

// restarts are the instants at which the prober is restarted.
func (d *decisions) restarts() []time.Duration {
	within := func(t span) []time.Duration {
		return []time.Duration{t.lo + (t.hi-t.lo)/100*time.Duration(d.p.Restart.Percent)}
	}
	switch r := d.p.Restart; {
	case r.Place == InDelay && d.s.delay > 0 && !d.s.whole:
		return within(span{0, d.s.delay})
	case r.Place == InQuiet && len(d.s.quiet) > 0:
		return within(d.s.quiet[r.Quiet%len(d.s.quiet)])
	}
	return nil
}
