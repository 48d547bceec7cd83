package timeline

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// vm gives the lanes of one VM, from cause to effect.
func (p *picture) vm(v *history.VM) []*lane {
	list := p.guest(v)
	list = append(list, p.disturbances(v)...)
	for k := probes.Readiness; k <= probes.Startup; k++ {
		if v.Probe(k) != nil {
			list = append(list, p.probe(v, k))
		}
	}
	list = append(list, p.ready(v), p.live(v))
	return append(list, p.expected(v)...)
}

// guest has a lane for each scripted endpoint: what it does from each step.
func (p *picture) guest(v *history.VM) []*lane {
	var list []*lane
	for _, e := range v.Spec.Program.Endpoints {
		list = append(list, p.endpoint(e, []time.Duration{0}))
	}
	var boots []time.Duration
	for _, m := range v.Of(trace.GuestBoot) {
		boots = append(boots, m.T)
	}
	if len(boots) == 0 {
		boots = []time.Duration{0}
	}
	for _, e := range v.Spec.EveryBoot.Endpoints {
		list = append(list, p.endpoint(e, boots))
	}
	return list
}

func (p *picture) endpoint(e fakevm.Endpoint, boots []time.Duration) *lane {
	l := p.lane(endpointName(e), ' ')
	type place struct {
		column int
		text   string
	}
	var places []place
	for i, boot := range boots {
		for _, s := range e.Steps {
			at := boot + s.At
			if i+1 < len(boots) && at >= boots[i+1] || at > p.run.End {
				continue
			}
			places = append(places, place{p.column(at), stepText(s)})
		}
	}
	for i, x := range places {
		next := p.columns
		if i+1 < len(places) {
			next = places[i+1].column
		}
		if x.column < p.columns {
			l.cells[x.column] = '|'
			l.write(min(x.column+1, p.columns), max(next-x.column-1, 0), x.text)
		}
	}
	return l
}

func endpointName(e fakevm.Endpoint) string {
	if e.Port == 0 {
		return string(e.Kind)
	}
	return string(e.Kind) + "/" + itoa(int(e.Port))
}

// probe has a symbol for each attempt, where it starts, and '=' while it
// lasts. In a column of many attempts the worst one shows.
func (p *picture) probe(v *history.VM, k probes.Kind) *lane {
	l := p.lane(k.String(), ' ')
	worst := func(column int, symbol byte) {
		const order = " =.w?ex"
		if strings.IndexByte(order, symbol) > strings.IndexByte(order, l.cells[column]) {
			l.cells[column] = symbol
		}
	}
	for _, a := range v.Attempts(k) {
		if a.Start > p.run.End {
			continue
		}
		end := min(a.End, p.run.End)
		for i := p.column(a.Start) + 1; i <= p.column(end) && a.Ended(); i++ {
			worst(i, '=')
		}
		worst(p.column(a.Start), symbolOf(a))
	}
	return l
}

func symbolOf(a *history.Attempt) byte {
	if !a.Ended() {
		return '?'
	}
	switch a.Class {
	case probes.Success:
		return '.'
	case probes.Warning:
		return 'w'
	case probes.Failure:
		return 'x'
	default:
		return 'e'
	}
}

// ready shows the Ready condition.
func (p *picture) ready(v *history.VM) *lane {
	l := p.lane("ready", '_')
	for _, m := range v.Of(trace.Ready) {
		if m.T > p.run.End {
			break
		}
		symbol := byte('_')
		if m.OK {
			symbol = '#'
		}
		l.fill(p.column(m.T), p.columns, symbol)
	}
	return l
}

// live shows containers, verdicts and kills.
func (p *picture) live(v *history.VM) *lane {
	l := p.lane("live", ' ')
	for _, c := range v.Containers {
		if c.Start > p.run.End {
			continue
		}
		l.fill(p.column(c.Start), p.column(min(c.Stop, p.run.End)), '-')
	}
	for _, c := range v.Containers {
		if c.Start <= p.run.End && len(v.Containers) > 1 {
			l.cells[p.column(c.Start)] = byte('0' + c.Instance%10)
		}
	}
	mark := func(kind trace.Kind, symbol byte) {
		for _, m := range v.Of(kind) {
			if m.T <= p.run.End {
				l.cells[p.column(m.T)] = symbol
			}
		}
	}
	mark(trace.Kill, 'k')
	mark(trace.LivenessFailed, '!')
	return l
}

// expected shows the windows of the case.
func (p *picture) expected(v *history.VM) []*lane {
	var list []*lane
	for _, name := range []string{"ready", "live"} {
		l := p.lane("expect", ' ')
		drawn := false
		for _, w := range p.windows {
			if w.VM != v.Name || w.Lane != name || w.Lo > p.run.End {
				continue
			}
			symbol := byte('v')
			switch {
			case name == "live":
				symbol = 'L'
			case w.To:
				symbol = '^'
			}
			l.fill(p.column(w.Lo), p.column(min(w.Hi, p.run.End)), symbol)
			drawn = true
		}
		if drawn {
			list = append(list, l)
		}
	}
	return list
}

// disturbances has lanes for faults of the story and for pauses and
// migrations of the VM.
func (p *picture) disturbances(v *history.VM) []*lane {
	var list []*lane
	for _, f := range p.run.Case.Faults {
		if !slices.Contains(f.Sides, v.Name) {
			continue
		}
		l := p.lane("fault", ' ')
		end := f.At + f.For
		if f.For < 0 {
			end = p.run.End
		}
		if f.At > p.run.End {
			continue
		}
		from, to := p.column(f.At), p.column(min(max(end-1, f.At), p.run.End))
		l.fill(from, to, '~')
		name := string(f.Kind)
		if to+1 < p.columns {
			l.write(to+1, p.columns-to-1, " "+ascii(name))
		}
		list = append(list, l)
	}
	if l := p.spans(v, "paused", 'P', func(m history.Mark) (on, off bool) {
		return m.Kind == trace.DomainState && m.Value == "paused", m.Kind == trace.DomainState && m.Value != "paused"
	}); l != nil {
		list = append(list, l)
	}
	if l := p.spans(v, "migration", 'M', func(m history.Mark) (on, off bool) {
		return m.Kind == trace.MigrationStarted, m.Kind == trace.MigrationEnded
	}); l != nil {
		list = append(list, l)
	}
	return list
}

// spans draws a lane of what begins and ends by events; nil when it never
// begins.
func (p *picture) spans(v *history.VM, name string, symbol byte, edge func(history.Mark) (on, off bool)) *lane {
	var marks []history.Mark
	for _, k := range []trace.Kind{trace.DomainState, trace.MigrationStarted, trace.MigrationEnded} {
		marks = append(marks, v.Of(k)...)
	}
	slices.SortFunc(marks, func(a, b history.Mark) int { return a.Index - b.Index })
	l := p.lane(name, ' ')
	since, drawn := history.Never, false
	close := func(end time.Duration) {
		if since <= p.run.End {
			l.fill(p.column(since), p.column(min(end, p.run.End)), symbol)
			drawn = true
		}
		since = history.Never
	}
	for _, m := range marks {
		on, off := edge(m)
		switch {
		case on && since == history.Never:
			since = m.T
		case off:
			close(m.T)
		}
	}
	close(p.run.End)
	if !drawn {
		return nil
	}
	return l
}
