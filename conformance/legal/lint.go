package legal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Edges is how many probers at the edges of what is legal a population begins
// with: enough for a first opinion of a scenario.
func Edges() int { return len(boundaries()) }

// A window that the prober alone decides about is weak when it is wider than
// several times what the population uses of it, and some more.
const (
	several  = 3
	generous = 2 * time.Second
	// sharp is the least use that tells of a free choice; less is the way of a
	// packet.
	sharp = time.Second
)

// Lint says what a population finds wrong with a scenario: a case that rejects
// one of them (diag.Narrow), and a window of readiness or liveness that is
// several times as wide as all of them together use (diag.Weak). What is wrong in several cases is told of the
// first one. The error is the context's, or of a case that cannot be run.
func Lint(ctx context.Context, cases []*scenarios.Case, o Options) (diag.List, error) {
	var list diag.List
	told := map[scenarios.Pos]bool{}
	for _, c := range cases {
		if len(c.Rejected) > 0 {
			continue
		}
		e, row, err := measure(ctx, c, o)
		if err != nil {
			return list, err
		}
		own := scenarios.Pos{File: c.File, Line: c.Line, Col: 1}
		if row.Rejected > 0 && !told[own] {
			told[own] = true
			list = append(list, rejects(&row, own, o.Seed))
		}
		if row.Rejected > 0 {
			continue // the envelope is not one of legal runs
		}
		for i := range e.Edges {
			if k := &e.Edges[i]; k.weak(e.Slack) && !told[k.pos] {
				told[k.pos] = true
				list.Add(diag.Weak, k.pos, "", "%d legal probers use %s of the %s of this window: %s of %s in [%s, %s] in %s",
					e.Probers, oracle.Seconds(k.used(e.Slack)), oracle.Seconds(k.Hi-k.Lo), k.What, k.VM,
					oracle.Seconds(k.Earliest), oracle.Seconds(k.Latest), e.Case)
			}
		}
	}
	return list.Sort(), nil
}

// rejects tells of the first legal prober that a case rejects.
func rejects(row *Row, pos scenarios.Pos, seed uint64) diag.Diagnostic {
	r := &row.Rejections[0]
	f := r.Verdict.Failures[0]
	d := diag.Diagnostic{
		Code: diag.Narrow, Severity: diag.Narrow.Severity(), Pos: pos,
		Message: fmt.Sprintf("%s rejects %d of %d legal probers; the first: %s (%s)", row.Case.ID(), row.Rejected, row.Runs, f.Message, f.Requirement),
		Notes: []string{
			fmt.Sprintf("prober %d: %s", r.Prober.Number, r.Prober.Name()),
			"see: " + r.Replay(seed),
		},
	}
	if f.Want != "" {
		d.Notes = append([]string{"want " + f.Want}, d.Notes...)
	}
	return d
}

// used is how much of its window an edge needs.
func (k *Edge) used(slack time.Duration) time.Duration {
	return k.Hi - k.Lo - max(k.Before, 0) - max(k.After-slack, 0)
}

func (k *Edge) weak(slack time.Duration) bool {
	ofProber := strings.HasPrefix(k.What, "ready") || strings.HasPrefix(k.What, "liveness")
	used := k.used(slack)
	return ofProber && used >= sharp && k.Hi-k.Lo > several*used+generous
}
