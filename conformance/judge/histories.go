package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// history judges ready and endpoints. Both begin as false; what is true
// from instant 0 on may be written as the initial value or as a change at 0.
func (j *expector) history(name string, kind trace.Kind, h *scenarios.History) {
	got, want := j.desk.got[:0], j.desk.want[:0]
	value := false
	marks := j.vm.Of(kind)
	if h.Initial {
		for len(marks) > 0 && marks[0].T <= 0 {
			value, marks = marks[0].OK, marks[1:]
		}
		if !value {
			j.fail(Failure{Event: history.NoEvent, Message: name + " is false at the start", Want: name + " true from the start"})
			return
		}
	}
	for _, m := range marks {
		if m.OK != value && m.T <= j.run.End {
			got = append(got, happening{changed(name, m.OK), m.T, m.Instance, m.Index})
		}
		value = m.OK
	}
	for i := range h.Changes {
		c := &h.Changes[i]
		want = append(want, wanted{what: changed(name, c.To), window: &c.Window})
	}
	j.compare(scenarios.UseReadiness, "", got, want, false)
}

func changed(name string, to bool) deed {
	if to {
		return deed{what: name, value: " -> true"}
	}
	return deed{what: name, value: " -> false"}
}

// live judges the verdicts. A failed startup probe condemns like liveness.
func (j *expector) live(list []scenarios.LiveFailure) {
	got, want := j.desk.got[:0], j.desk.want[:0]
	for _, m := range j.vm.Of(trace.LivenessFailed) {
		got = append(got, happening{failed(m.Instance), m.T, m.Instance, m.Index})
	}
	for i := range list {
		want = append(want, wanted{what: failed(list[i].Instance), window: &list[i].Window})
	}
	j.compare(scenarios.UseLiveness, probes.Liveness.String(), got, want, false)
}

func failed(instance int32) deed { return deed{what: "liveness", instance: instance} }

func (j *expector) restarts(r *scenarios.Restarts) {
	got, want := j.desk.got[:0], j.desk.want[:0]
	restart := deed{what: "restart"}
	for _, m := range j.vm.Of(trace.Restart) {
		got = append(got, happening{restart, m.T, m.Instance, m.Index})
	}
	for i := range r.Windows {
		want = append(want, wanted{what: restart, window: &r.Windows[i]})
	}
	j.compare(scenarios.UseLiveness, "", got, want, r.More)
}

// phase judges the phases. Those on the way to Running count only when the
// author names one of them.
func (j *expector) phase(list []scenarios.PhaseChange) {
	got, want := j.desk.got[:0], j.desk.want[:0]
	for i := range list {
		p := &list[i]
		want = append(want, wanted{what: deed{what: "phase -> ", value: p.To}, window: &p.Window, free: !p.HasWin})
	}
	named := func(phase string) bool {
		return slices.ContainsFunc(list, func(p scenarios.PhaseChange) bool { return p.To == phase })
	}
	last := ""
	for _, m := range j.vm.Of(trace.VMIPhase) {
		early := m.Value == "Pending" || m.Value == "Scheduling" || m.Value == "Scheduled"
		if early && !named(m.Value) {
			last = ""
			continue
		}
		if m.Value != last {
			got = append(got, happening{deed{what: "phase -> ", value: m.Value}, m.T, m.Instance, m.Index})
		}
		last = m.Value
	}
	j.compare(scenarios.UseLiveness, "", got, want, false)
}

// kills judges the signals. A power button pressed again and again is one
// entry.
func (j *expector) kills(list []scenarios.KillStep) {
	got, want := j.desk.got[:0], j.desk.want[:0]
	var before history.Mark
	for i, m := range j.vm.Of(trace.Kill) {
		if i > 0 && m.Value == "acpi" && before.Value == "acpi" && before.Instance == m.Instance {
			continue
		}
		before = m
		got = append(got, happening{deed{what: "kill by ", value: m.Value}, m.T, m.Instance, m.Index})
	}
	for i := range list {
		k := &list[i]
		want = append(want, wanted{what: deed{what: "kill by ", value: k.With}, window: &k.Window})
	}
	j.compare(scenarios.UseLiveness, "", got, want, false)
}

// violations judges what the guest must never see: always, without being
// asked.
func (j *expector) violations() {
	for _, m := range j.vm.Of(trace.Violation) {
		j.fail(Failure{
			At: m.T, Instance: m.Instance, Event: m.Index,
			Message: fmt.Sprintf("%s saw what it must not: %s", m.Value, m.Msg), Want: "no violation",
		})
		return
	}
}

// findings judges what must be reported.
func findings(r *history.Run) []Failure {
	var out []Failure
	for _, w := range r.Case.Findings {
		if !reported(r, w) {
			out = append(out, Failure{
				Requirement: w.Requirement, At: r.End, Event: history.NoEvent,
				Message: "the finding was not reported", Want: fmt.Sprintf("a finding of %s that contains %q", w.Requirement, w.Contains),
			})
		}
	}
	return out
}

func reported(r *history.Run, w scenarios.WantFinding) bool {
	for i := range r.Events {
		if e := &r.Events[i]; e.Kind == trace.Finding && e.Value == w.Requirement && strings.Contains(e.Msg, w.Contains) {
			return true
		}
	}
	for i := range r.Case.VMs {
		for _, f := range r.Case.VMs[i].Resolved.Findings {
			if f.Requirement == w.Requirement && strings.Contains(f.Message, w.Contains) {
				return true
			}
		}
	}
	return false
}
