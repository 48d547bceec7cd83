package judge

import (
	"fmt"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// history judges ready and endpoints. Both begin as false; what is true
// from instant 0 on may be written as the initial value or as a change at 0.
func (j *expector) history(name string, kind trace.Kind, h *scenarios.History) {
	var got []happening
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
	want := make([]wanted, 0, len(h.Changes))
	for _, c := range h.Changes {
		want = append(want, wanted{what: changed(name, c.To), window: c.Window})
	}
	j.compare(scenarios.UseReadiness, "", got, want, false)
}

func changed(name string, to bool) string {
	if to {
		return name + " -> true"
	}
	return name + " -> false"
}

// live judges the verdicts. A failed startup probe condemns like liveness.
func (j *expector) live(list []scenarios.LiveFailure) {
	var got []happening
	for _, m := range j.vm.Of(trace.LivenessFailed) {
		got = append(got, happening{failed(m.Instance), m.T, m.Instance, m.Index})
	}
	var want []wanted
	for _, l := range list {
		want = append(want, wanted{what: failed(l.Instance), window: l.Window})
	}
	j.compare(scenarios.UseLiveness, probes.Liveness.String(), got, want, false)
}

func failed(instance int32) string { return fmt.Sprintf("liveness of instance %d failed", instance) }

func (j *expector) restarts(r *scenarios.Restarts) {
	var got []happening
	for _, m := range j.vm.Of(trace.Restart) {
		got = append(got, happening{"restart", m.T, m.Instance, m.Index})
	}
	var want []wanted
	for _, w := range r.Windows {
		want = append(want, wanted{what: "restart", window: w})
	}
	j.compare(scenarios.UseLiveness, "", got, want, r.More)
}

// phase judges the phases. Those on the way to Running count only when the
// author names one of them.
func (j *expector) phase(list []scenarios.PhaseChange) {
	named := map[string]bool{}
	var want []wanted
	for _, p := range list {
		named[p.To] = true
		want = append(want, wanted{what: "phase -> " + p.To, window: p.Window, free: !p.HasWin})
	}
	var got []happening
	last := ""
	for _, m := range j.vm.Of(trace.VMIPhase) {
		early := m.Value == "Pending" || m.Value == "Scheduling" || m.Value == "Scheduled"
		if early && !named[m.Value] {
			last = ""
			continue
		}
		if m.Value != last {
			got = append(got, happening{"phase -> " + m.Value, m.T, m.Instance, m.Index})
		}
		last = m.Value
	}
	j.compare(scenarios.UseLiveness, "", got, want, false)
}

// kills judges the signals. A power button pressed again and again is one
// entry.
func (j *expector) kills(list []scenarios.KillStep) {
	var got []happening
	var before history.Mark
	for i, m := range j.vm.Of(trace.Kill) {
		if i > 0 && m.Value == "acpi" && before.Value == "acpi" && before.Instance == m.Instance {
			continue
		}
		before = m
		got = append(got, happening{"kill by " + m.Value, m.T, m.Instance, m.Index})
	}
	var want []wanted
	for _, k := range list {
		want = append(want, wanted{what: "kill by " + k.With, window: k.Window})
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
