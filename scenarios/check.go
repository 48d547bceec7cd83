package scenarios

import (
	"errors"
	"slices"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// candidates are the names that an unknown one may have meant.
func (s *scope) candidates() []string {
	out := append(Fields(), general()...)
	s.c.eachInstant(func(name string, i instant) {
		switch {
		case i.everyBoot != "":
			out = append(out, name+"#1")
		case i.hasEnd:
			out = append(out, name, name+".end")
		default:
			out = append(out, name)
		}
	})
	for _, l := range s.c.Let {
		out = append(out, l.Name)
	}
	for _, k := range []string{"readiness", "liveness", "startup"} {
		for _, f := range Fields() {
			out = append(out, k+"."+f)
		}
	}
	for _, m := range Moments() {
		out = append(out, string(m)+"#1")
	}
	slices.Sort(out)
	return out
}

// check proves that every name of a formula is known here and that
// dimensions fit; wantDuration also asks for an instant.
func (s *scope) check(f Formula, wantDuration bool, list *diag.List) bool {
	if f.root == nil {
		return false
	}
	good := true
	for _, r := range f.Refs() {
		got := s.find(r.Name)
		if got.known {
			continue
		}
		good = false
		help := got.why
		if s := diag.Suggest(r.Name, s.candidates()); help == "" && len(s) > 0 {
			help = diag.DidYouMean(r.Name, s)
		}
		list.Add(diag.UnknownName, r.Pos, help, "unknown name %q", r.Name)
	}
	if !good {
		return false
	}
	duration, bad := s.dimension(f.root)
	switch {
	case bad != nil:
		list.Add(diag.Dimension, bad.pos, bad.name, "durations and numbers do not mix here")
		return false
	case wantDuration && !duration:
		list.Add(diag.Dimension, f.Pos, "write a duration such as 0s", "%q is a number, not an instant", f.Text)
		return false
	}
	_, err := f.Eval(s)
	if errors.Is(err, ErrOverflow) || errors.Is(err, ErrDivision) {
		list.Add(diag.BadFormula, f.Pos, "", "%v", err)
		return false
	}
	return true
}

// misfit is the operator at which dimensions do not fit, and how to mend it.
type misfit struct {
	pos  Pos
	name string
}

func (s *scope) dimension(n *node) (duration bool, bad *misfit) {
	if n == nil {
		return false, nil
	}
	switch n.op {
	case opValue:
		return n.value.IsDuration, nil
	case opName:
		return s.find(n.name).duration, nil
	case opNeg:
		return s.dimension(n.left)
	default: // two operands
	}
	left, bad := s.dimension(n.left)
	if bad != nil {
		return false, bad
	}
	right, bad := s.dimension(n.right)
	if bad != nil {
		return false, bad
	}
	switch {
	case n.op == opMul && left && right:
		return false, &misfit{n.pos, "a duration times a duration is no time"}
	case n.op == opMul:
		return left || right, nil
	case n.op == opDiv && right && !left:
		return false, &misfit{n.pos, "a number cannot be divided by a duration"}
	case n.op == opDiv:
		return left && !right, nil
	case left != right:
		return false, &misfit{n.pos, "both sides must be durations, or both numbers"}
	}
	return left, nil
}
