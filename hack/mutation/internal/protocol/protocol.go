// Package protocol is what the mutation program and its driver say to each
// other: one JSON value per line on standard input and output.
package protocol

// How a mutant ended.
const (
	Survived = "survived"
	// Failed: a judge found a breach.
	Failed = "failed"
	// Errored: no judge found a breach, but the harness could not finish a
	// case.
	Errored = "error"
	// Panicked: the same, because the prober panicked; or the process died.
	Panicked = "panic"
	// Hung: a case did not end in its time.
	Hung = "timeout"
	// Ballooned: a case took more memory than there is.
	Ballooned = "memory"
)

// Job is a case with a seed, and what the original program does in it.
type Job struct {
	Case string `json:"case"`
	Seed uint64 `json:"seed"`
	Cost int    `json:"cost"` // events in the trace
	// Print is a fingerprint of the trace of the original program: a mutant that
	// leaves the same one is judged alike.
	Print string `json:"print"`
	// Mutants are those whose code was executed and would give another value;
	// ascending.
	Mutants []int `json:"mutants"`
	// Bad tells why the job says nothing about mutants: the original program
	// does not pass.
	Bad string `json:"bad,omitempty"`
}

// Task asks for one mutant to be tried.
type Task struct {
	Mutant int `json:"mutant"`
	// Clean empties the pools afterwards: they may hold what the mutant
	// spoiled.
	Clean bool `json:"clean"`
}

// Result is the answer.
type Result struct {
	Mutant      int    `json:"mutant"`
	Verdict     string `json:"verdict"`
	Case        string `json:"case,omitempty"` // that killed it
	Seed        uint64 `json:"seed,omitempty"`
	Requirement string `json:"requirement,omitempty"` // of the first failure
	Message     string `json:"message,omitempty"`
	Jobs        int    `json:"jobs"`     // that were run
	Reaching    int    `json:"reaching"` // jobs in which the changed code does anything else
}

// Killed tells whether somebody noticed the mutant.
func (r *Result) Killed() bool { return r.Verdict != Survived }
