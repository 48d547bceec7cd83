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
	said := rejections(t)
	fail := func(message, want string) {
		v.Failures = append(v.Failures, Failure{
			Requirement: ruleOf(c), Event: history.NoEvent, Message: message, Want: want,
		})
	}
	for _, w := range c.Rejected {
		if slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, w.Message) }) {
			continue
		}
		message := "the manifest was accepted"
		if len(said) > 0 {
			message = fmt.Sprintf("it was rejected in other words: %q", said)
		}
		fail(message, fmt.Sprintf("rejected with %q", w.Message))
	}
	if len(c.Rejected) == 0 {
		fail(fmt.Sprintf("the manifest was rejected: %q", said), "a manifest that runs")
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

// rejections are the messages with which manifests were refused.
func rejections(t *trace.Trace) []string {
	var said []string
	for i := range t.Events {
		if t.Events[i].Kind != trace.Finding {
			continue
		}
		if text, ok := strings.CutPrefix(t.Events[i].Msg, string(spec.Rejects)+": "); ok {
			_, message, _ := strings.Cut(text, ": ") // after the path
			said = append(said, message)
		}
	}
	return said
}
