package legal

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Story is what a legal prober has to know of a case to meet it on purpose.
type Story struct {
	c *scenarios.Case
	// moments are the instants at which something changes, after the start
	// and before the end, ascending: the end of each delay, steps, faults,
	// events. Steps that count from each boot are those of the first one.
	moments []time.Duration
	delay   time.Duration // the shortest
	period  time.Duration // the longest, of readiness if there is one
	quiet   []span        // in which the prober may be restarted
	whole   bool          // it must not be restarted
}

// span is a closed stretch of time.
type span struct{ lo, hi time.Duration }

// NewStory reads a case.
func NewStory(c *scenarios.Case) *Story {
	s := &Story{c: c}
	for _, t := range slices.Concat(s.delays(), s.steps(), s.windows()) {
		if t > 0 && t < c.Until {
			s.moments = append(s.moments, t)
		}
	}
	slices.Sort(s.moments)
	s.moments = slices.Compact(s.moments)
	if s.whole = s.forbidsRestart(); !s.whole {
		s.quiet = s.quietTimes()
	}
	return s
}

// moment is the n-th moment, counted round; the start when there is none.
func (s *Story) moment(n int) time.Duration {
	if len(s.moments) == 0 || n < 0 {
		return 0
	}
	return s.moments[n%len(s.moments)]
}

// probes visits every probe of every VM.
func (s *Story) probes(visit func(*probes.Probe)) {
	for i := range s.c.VMs {
		list := s.c.VMs[i].Resolved.Probes
		for j := range list {
			visit(&list[j])
		}
	}
}

// delays finds the end of each initial delay, and the numbers that pod syncs
// and restarts go by.
func (s *Story) delays() []time.Duration {
	var list []time.Duration
	readiness := false
	s.probes(func(p *probes.Probe) {
		if list == nil || p.InitialDelay < s.delay {
			s.delay = p.InitialDelay
		}
		list = append(list, p.InitialDelay)
		own := p.Kind == probes.Readiness
		if own && !readiness || own == readiness && p.Period > s.period {
			s.period = p.Period
		}
		readiness = readiness || own
	})
	s.period = max(s.period, time.Second)
	return list
}

// steps are the instants at which guests change.
func (s *Story) steps() []time.Duration {
	var list []time.Duration
	for i := range s.c.VMs {
		v := &s.c.VMs[i]
		for _, p := range []struct {
			program *fakevm.Program
			start   time.Duration
		}{{&v.Program, 0}, {&v.EveryBoot, v.DomainDelay}} {
			for _, e := range p.program.Endpoints {
				for _, step := range e.Steps {
					list = append(list, p.start+step.At)
				}
			}
			for _, step := range p.program.Power {
				list = append(list, p.start+step.At, p.start+step.At+step.For)
			}
			for _, f := range p.program.Freezes {
				list = append(list, p.start+f.At, p.start+f.At+f.For)
			}
		}
		list = append(list, v.DomainDelay)
	}
	return list
}

// windows are the instants at which faults and events begin and end.
func (s *Story) windows() []time.Duration {
	var list []time.Duration
	for _, f := range s.c.Faults {
		list = append(list, f.At, f.At+max(f.For, 0))
	}
	for _, e := range s.c.Events {
		list = append(list, e.At, e.At+e.For)
	}
	return list
}

// forbidsRestart tells whether a restart of the prober would be seen in what
// the case counts, or would meet something that is not over yet.
func (s *Story) forbidsRestart() bool {
	if len(s.c.Events) > 0 || s.c.ProberAge < s.period {
		return true
	}
	for i := range s.c.VMs {
		v := &s.c.VMs[i]
		if e := s.c.Expect[v.Name]; e != nil {
			if len(e.Attempts)+len(e.Tries)+len(e.Requests)+len(e.Events) > 0 || e.Kills != nil || e.Live != nil && len(*e.Live) > 0 {
				return true
			}
		}
		for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
			if len(p.Power)+len(p.Freezes) > 0 || counted(p) {
				return true
			}
		}
	}
	found := false
	s.probes(func(p *probes.Probe) { found = found || p.Kind == probes.Startup })
	return found
}

// counted tells whether replies are given by attempt.
func counted(p *fakevm.Program) bool {
	for _, e := range p.Endpoints {
		for _, step := range e.Steps {
			if len(step.Replies) > 1 {
				return true
			}
		}
	}
	return false
}

// resumeGrace is how old a container must be for a new prober to leave its
// state alone (PROBER-RESTART).
const resumeGrace = 10 * time.Second

// quietTimes are the stretches in which every run of results is as long as it
// need be, and will stay so until the new prober has its first result.
func (s *Story) quietTimes() []span {
	settled, before := time.Duration(0), time.Duration(0)
	s.probes(func(p *probes.Probe) {
		attempt := time.Duration(max(s.c.Profile.Tries, 3)) * (p.Timeout + s.c.Profile.ExecOuterExtra + time.Second)
		results := time.Duration(max(p.FailureThreshold, p.SuccessThreshold) + 1)
		settled = max(settled, results*max(p.Period, attempt)+p.Period)
		before = max(before, p.Period+attempt)
	})
	var list []span
	from := resumeGrace
	for _, to := range append(slices.Clone(s.moments), s.c.Until) {
		if lo, hi := from+settled, to-before; lo < hi {
			list = append(list, span{lo, hi})
		}
		from = max(to, resumeGrace)
	}
	return list
}
