package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// rejected tells whether the API would refuse a manifest of the case, so that
// nothing can run.
func rejected(c *scenarios.Case) bool {
	return slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool { return v.Resolved.Rejected() })
}

// rejection judges a case about manifests that must be rejected: in the words
// that the case wants, and without a run. A rejection that nobody wants is a
// failure too.
func rejection(c *scenarios.Case, t *trace.Trace) Verdict {
	v := blank(c, t.Seed)
	v.TraceDigest, v.Until, v.Result = t.Digest, 0, Pass
	said := refusals(t)
	fail := func(message, want string) {
		v.Failures = append(v.Failures, Failure{
			Requirement: ruleOf(c), Event: history.NoEvent, Message: message, Want: want,
		})
	}
	for _, w := range c.Rejected {
		if slices.ContainsFunc(said, func(s refusal) bool { return strings.Contains(s.message, w.Message) }) {
			continue
		}
		message := "the manifest was accepted"
		if len(said) > 0 {
			message = fmt.Sprintf("it was rejected in other words: %q", words(said))
		}
		fail(message, fmt.Sprintf("rejected with %q", w.Message))
	}
	if len(c.Rejected) == 0 {
		fail(fmt.Sprintf("the manifest was rejected: %q", words(said)), "a manifest that runs")
	}
	for _, s := range said {
		if by := refuser(c, s); by != "" && by != s.by {
			fail(fmt.Sprintf("the %s refused it: %q", s.by, s.message), "refused by the "+by)
		}
	}
	v.Failures = append(v.Failures, findings(history.New(c, t))...)
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind != trace.Finding {
			v.Failures = append(v.Failures, Failure{
				Requirement: ruleOf(c), At: e.T, VM: e.VM, Event: i,
				Message: fmt.Sprintf("%s although the manifest is rejected", e.Kind), Want: "nothing runs",
			})
			break
		}
	}
	if v.Failures = oracle.Sort(v.Failures); len(v.Failures) > 0 {
		v.Result = Fail
	}
	return v
}

// refusal is a reason with which a manifest was refused.
type refusal struct {
	vm      string
	by      string // the component that said it, as spec.Finding.By has it; empty: nobody knows
	message string
}

// refusals are the reasons in a trace: "rejected: path: message", or "rejected by
// component: path: message" of a bed that knows who has refused.
func refusals(t *trace.Trace) []refusal {
	var said []refusal
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind != trace.Finding {
			continue
		}
		who, text, _ := strings.Cut(e.Msg, ": ")
		by, known := strings.CutPrefix(who, string(spec.Rejects)+" by ")
		if !known && who != string(spec.Rejects) {
			continue
		}
		if !known {
			by = ""
		}
		_, message, _ := strings.Cut(text, ": ") // after the path
		said = append(said, refusal{vm: e.VM, by: by, message: message})
	}
	return said
}

func words(said []refusal) []string {
	var list []string
	for _, s := range said {
		list = append(list, s.message)
	}
	return list
}

// refuser is the component that refuses a manifest for that reason in the profile
// of the case: a webhook, or the API server when it is given the pod. Empty: the
// profile does not say, or nobody knows who has refused.
func refuser(c *scenarios.Case, s refusal) string {
	v := c.VM(s.vm)
	if s.by == "" || v == nil {
		return ""
	}
	for _, f := range v.Resolved.Findings {
		if f.Severity == spec.Rejects && strings.Contains(s.message, f.Message) && (f.By == spec.ByWebhook || f.By == spec.ByAPIServer) {
			return f.By
		}
	}
	return ""
}
