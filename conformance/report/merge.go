package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Named is a report with the name of its file, for messages.
type Named struct {
	Name string
	*Report
}

// Merge puts the shards of one run together: the result is the report of the
// run without shards, byte for byte. It proves that the shards belong to one
// run, that no case is in two of them, and that none is missing. With one that
// was interrupted the whole was. All errors are reported.
func Merge(shards []Named) (*Report, error) {
	if len(shards) == 0 {
		return nil, errors.New("nothing to merge")
	}
	first := shards[0]
	var errs []error
	for _, s := range shards[1:] {
		errs = append(errs, alike(first, s))
	}
	owner, digests := map[string]string{}, map[string]string{}
	whole := *first.Report
	whole.Cases, whole.Run.Shard, whole.Provenance = nil, wholeRun, nil
	for _, s := range shards {
		whole.Run.Interrupted = whole.Run.Interrupted || s.Run.Interrupted
		whole.Run.View = cmp.Or(whole.Run.View, s.Run.View)
		ids := s.ByCase()
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			if other, twice := owner[id]; twice {
				errs = append(errs, fmt.Errorf("%s: case %s is in %s, too", s.Name, id, other))
				continue
			}
			owner[id], digests[id] = s.Name, ids[id].CaseDigest
		}
		whole.Cases = append(whole.Cases, s.Cases...)
	}
	if len(errs) == 0 || errors.Join(errs...) == nil {
		errs = append(errs, complete(first.Tool, digests))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &whole, nil
}

// complete tells whether cases are all of a selection.
func complete(tool Tool, digests map[string]string) error {
	switch {
	case tool.Digest == "":
		return errors.New("the shards do not say of what they are shards: suite.digest is missing")
	case len(digests) != tool.Cases:
		return fmt.Errorf("%d of %d cases are here: a shard is missing", len(digests), tool.Cases)
	case SelectionDigest(digests) != tool.Digest:
		return errors.New("these are not the cases that were selected: suite.digest does not fit them")
	}
	return nil
}

// alike tells whether two shards are of one run.
func alike(a, b Named) error {
	unseen := a.Run.View == "" || b.Run.View == "" // nothing was run in one of them
	parts := func(r *Report) map[string]any {
		run := r.Run
		run.Shard, run.Interrupted = "", false
		if unseen {
			run.View = ""
		}
		return map[string]any{
			"suite": r.Tool, "implementation": r.Implementation, "run": run,
			"requirements": append([]string{fmt.Sprint(r.Requirements)}, r.Excluded...), "mutants": r.Mutants,
		}
	}
	x, y := parts(a.Report), parts(b.Report)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(x)) {
		p, errP := json.Marshal(x[name])
		q, errQ := json.Marshal(y[name])
		if err := errors.Join(errP, errQ); err != nil {
			errs = append(errs, err)
		} else if string(p) != string(q) {
			errs = append(errs, fmt.Errorf("%s is not of the same run as %s: %s is %s there, %s here", b.Name, a.Name, name, p, q))
		}
	}
	return errors.Join(errs...)
}
