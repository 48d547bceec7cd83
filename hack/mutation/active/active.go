// Package active holds the switch that the woven source of a mutation run
// looks at: which mutant is on. One process tries one mutant after another;
// nothing changes the switch while a case runs.
package active

// Values of Mutant that are no mutant.
const (
	None   = 0  // the original program
	Survey = -1 // the original program, which also notes what mutants would do
)

// Mutant is the mutant that is on.
var Mutant = None

// Differs tells, during a survey, for which mutants the changed code was
// executed and gave another value than the original: only such a run can kill
// the mutant. A statement that is dropped always differs, unless it is an
// assignment of the value that is there already.
var Differs []bool

// Compare notes whether a mutant would give another value; one that panics
// does.
func Compare(mutant int, differs func() bool) {
	defer func() {
		if recover() != nil {
			Differs[mutant] = true
		}
	}()
	if differs() {
		Differs[mutant] = true
	}
}
