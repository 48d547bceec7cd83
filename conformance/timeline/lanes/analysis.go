package lanes

import (
	"slices"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

type analysis struct {
	run     *history.Run
	windows []judge.Expected
}

// vm gives the lanes of one VM, from cause to effect.
func (a *analysis) vm(v *history.VM) []Lane {
	list := a.guest(v)
	list = append(list, a.faults(v)...)
	list = append(list, a.spans(v, Paused, func(m history.Mark) (on, off bool) {
		return m.Kind == trace.DomainState && m.Value == "paused", m.Kind == trace.DomainState && m.Value != "paused"
	})...)
	list = append(list, a.spans(v, Migration, func(m history.Mark) (on, off bool) {
		return m.Kind == trace.MigrationStarted, m.Kind == trace.MigrationEnded
	})...)
	for k := probes.Readiness; k <= probes.Startup; k++ {
		if v.Probe(k) != nil {
			list = append(list, a.probe(v, k))
		}
	}
	list = append(list, a.ready(v), a.live(v))
	return append(list, a.expected(v)...)
}

// clip brings an instant into the picture.
func (a *analysis) clip(t time.Duration) time.Duration { return min(max(t, 0), a.run.End) }

// guest has a lane for each scripted endpoint: what it does from each step.
func (a *analysis) guest(v *history.VM) []Lane {
	var list []Lane
	for _, e := range v.Spec.Program.Endpoints {
		list = append(list, a.endpoint(e, []time.Duration{0}))
	}
	var boots []time.Duration
	for _, m := range v.Of(trace.GuestBoot) {
		boots = append(boots, m.T)
	}
	if len(boots) == 0 {
		boots = []time.Duration{0}
	}
	for _, e := range v.Spec.EveryBoot.Endpoints {
		list = append(list, a.endpoint(e, boots))
	}
	return list
}

func (a *analysis) endpoint(e fakevm.Endpoint, boots []time.Duration) Lane {
	l := Lane{Kind: Guest, Name: endpointName(e)}
	for i, boot := range boots {
		for _, s := range e.Steps {
			at := boot + s.At
			if i+1 < len(boots) && at >= boots[i+1] || at > a.run.End {
				continue
			}
			l.Spans = append(l.Spans, Span{From: a.clip(at), To: a.run.End, Text: stepText(s)})
		}
	}
	for i := 1; i < len(l.Spans); i++ {
		l.Spans[i-1].To = l.Spans[i].From
	}
	return l
}

func endpointName(e fakevm.Endpoint) string {
	if e.Port == 0 {
		return string(e.Kind)
	}
	return string(e.Kind) + "/" + strconv.Itoa(int(e.Port))
}

// faults has a lane for each fault of the story that concerns the VM.
func (a *analysis) faults(v *history.VM) []Lane {
	var list []Lane
	for _, f := range a.run.Case.Faults {
		if !slices.Contains(f.Sides, v.Name) || f.At > a.run.End {
			continue
		}
		end := a.run.End
		if f.For >= 0 {
			end = max(f.At+f.For-1, f.At)
		}
		span := Span{From: a.clip(f.At), To: a.clip(end), Text: string(f.Kind)}
		list = append(list, Lane{Kind: Fault, Name: "fault", Spans: []Span{span}})
	}
	return list
}

// spans gives a lane of what begins and ends by events; none when it never
// begins.
func (a *analysis) spans(v *history.VM, kind Kind, edge func(history.Mark) (on, off bool)) []Lane {
	var marks []history.Mark
	for _, k := range []trace.Kind{trace.DomainState, trace.MigrationStarted, trace.MigrationEnded} {
		marks = append(marks, v.Of(k)...)
	}
	slices.SortFunc(marks, func(a, b history.Mark) int { return a.Index - b.Index })
	l := Lane{Kind: kind, Name: string(kind)}
	since := history.Never
	end := func(t time.Duration) {
		if since <= a.run.End {
			l.Spans = append(l.Spans, Span{From: a.clip(since), To: max(a.clip(t), a.clip(since))})
		}
		since = history.Never
	}
	for _, m := range marks {
		on, off := edge(m)
		switch {
		case on && since == history.Never:
			since = m.T
		case off:
			end(m.T)
		}
	}
	end(a.run.End)
	if l.Spans == nil {
		return nil
	}
	return []Lane{l}
}

// probe has the attempts in the order of their ends.
func (a *analysis) probe(v *history.VM, k probes.Kind) Lane {
	l := Lane{Kind: Probe, Name: k.String()}
	for _, x := range v.Attempts(k) {
		if x.Start > a.run.End {
			continue
		}
		attempt := Attempt{Start: a.clip(x.Start), Ended: x.Ended(), Class: x.Class}
		if attempt.Ended {
			attempt.End = max(a.clip(x.End), attempt.Start)
		}
		l.Attempts = append(l.Attempts, attempt)
	}
	return l
}

// ready shows the Ready condition, which is false at first.
func (a *analysis) ready(v *history.VM) Lane {
	l := Lane{Kind: Ready, Name: "ready", Spans: []Span{{To: a.run.End}}}
	for _, m := range v.Of(trace.Ready) {
		if m.T > a.run.End {
			break
		}
		last := &l.Spans[len(l.Spans)-1]
		if m.OK == last.On {
			continue
		}
		last.To = max(a.clip(m.T), last.From)
		l.Spans = append(l.Spans, Span{From: last.To, To: a.run.End, On: m.OK})
	}
	return l
}

// live shows containers, verdicts and kills.
func (a *analysis) live(v *history.VM) Lane {
	l := Lane{Kind: Live, Name: "live"}
	for _, c := range v.Containers {
		if c.Start > a.run.End {
			continue
		}
		span := Span{From: a.clip(c.Start), To: max(a.clip(c.Stop), a.clip(c.Start))}
		if len(v.Containers) > 1 {
			span.Text = strconv.Itoa(int(c.Instance))
		}
		l.Spans = append(l.Spans, span)
	}
	mark := func(kind trace.Kind, what Event) {
		for _, m := range v.Of(kind) {
			if m.T <= a.run.End {
				l.Marks = append(l.Marks, Mark{At: a.clip(m.T), What: what})
			}
		}
	}
	mark(trace.Kill, Killed)
	mark(trace.LivenessFailed, LivenessFailed)
	return l
}

// expected has a lane for the windows of ready, and one for those of live.
func (a *analysis) expected(v *history.VM) []Lane {
	var list []Lane
	for _, name := range []string{"ready", "live"} {
		l := Lane{Kind: Expect, Name: "expect"}
		for _, w := range a.windows {
			if w.VM != v.Name || w.Lane != name || w.Lo > a.run.End {
				continue
			}
			lo := a.clip(w.Lo)
			l.Spans = append(l.Spans, Span{From: lo, To: max(a.clip(w.Hi), lo), Text: name, On: w.To})
		}
		if l.Spans != nil {
			list = append(list, l)
		}
	}
	return list
}
