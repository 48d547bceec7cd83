package known

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Excuse gives the verdict with what the entries make of it: a run that fails
// is exempt when they accept the first failure under each requirement that it
// breaks. Whatever comes after that one is its consequence.
func (f *File) Excuse(v judge.Verdict) judge.Verdict {
	if v.Result != judge.Fail {
		return v
	}
	var list []judge.Exemption
	for _, first := range firsts(&v) {
		e := f.accepting(v.Case, &first)
		if e == nil {
			return v
		}
		list = append(list, judge.Exemption{Requirement: e.Requirement, Reason: e.Reason, Issue: e.Issue, Expires: e.Expires})
	}
	v.Result, v.Exemptions = judge.Exempt, list
	var reasons []string
	for _, x := range list {
		if text := fmt.Sprintf("%s (%s, until %s)", x.Reason, x.Issue, x.Expires); !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	v.Reason = strings.Join(reasons, "; ")
	return v
}

// firsts are the first failures under each requirement, sorted by requirement.
func firsts(v *judge.Verdict) []judge.Failure {
	var list []judge.Failure
	for _, f := range v.Failures {
		if !slices.ContainsFunc(list, func(o judge.Failure) bool { return o.Requirement == f.Requirement }) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b judge.Failure) int { return strings.Compare(a.Requirement, b.Requirement) })
	return list
}

// accepting is the entry that accepts a failure of a case; nil: there is none.
func (f *File) accepting(id string, failure *judge.Failure) *Entry {
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Requirement == failure.Requirement && e.Names(id) && e.Accepts(failure.Message) {
			return e
		}
	}
	return nil
}

// Stale tells of each entry, and each case that it names, what it accepts that
// did not happen. Cases that were not run, or broke, tell nothing.
func (f *File) Stale(runs []judge.Verdict) diag.List {
	byCase := map[string][]*judge.Verdict{}
	var ids []string
	for i := range runs {
		id := runs[i].Case
		if byCase[id] == nil {
			ids = append(ids, id)
		}
		byCase[id] = append(byCase[id], &runs[i])
	}
	slices.Sort(ids)
	var list diag.List
	for i := range f.Entries {
		e := &f.Entries[i]
		for _, id := range e.among(ids) {
			e.stale(&list, id, byCase[id])
		}
	}
	return list.Sort()
}

// stale judges an entry by the runs of one case.
func (e *Entry) stale(list *diag.List, id string, runs []*judge.Verdict) {
	var other *judge.Failure
	for _, v := range runs {
		switch v.Result {
		case judge.Error, judge.NotRun:
			return
		case judge.NotClaimed:
			list.Add(diag.NotJudged, e.raw.Case.Pos, "claim it, or remove the entry", "%s is not claimed: it %s", id, v.Reason)
			return
		case judge.Pass, judge.Fail, judge.Exempt:
		}
		for _, first := range firsts(v) {
			if e.Requirement == first.Requirement && e.Accepts(first.Message) {
				return
			}
			if other == nil || other.Requirement != e.Requirement && first.Requirement == e.Requirement {
				other = &first
			}
		}
	}
	if other == nil {
		list.Add(diag.PassesNow, e.raw.Case.Pos, "remove the entry", "%s passes now", id)
		return
	}
	pos := e.raw.Requirement.Pos
	if other.Requirement == e.Requirement {
		pos = e.raw.Message.Pos
	}
	list.Add(diag.FailsOtherwise, pos, "", "%s fails in another way: %s: %s", id, other.Requirement, other.Message)
}
