package mutants

// Invisible tells why a mutant is not noticed from outside the prober; "" for
// all others.
func Invisible(name string) string {
	return map[string]string{
		"repeats-its-state":       "saying again what is so changes nothing outside",
		"leaks-below-threshold":   "the state that leaks is not the one that the platform acts on, but in the moment of a restart",
		"starts-dead":             "the initial state of liveness is not acted on",
		"stopped-keeps-state":     "the platform itself takes a stopped container out",
		"exec-whole-exit-code":    "in its case the wrong class never reaches a threshold; only attempts show it",
		"late-attempt-moves-grid": "from outside the distance of arrivals is judged, not the grid they fall on: a pod sync may move it",
		"trigger-keeps-phase":     "from outside a triggered run cannot be told from a tick, nor the grid that it should have moved",
		"exec-killed-at-t":        "the second that the command lacks is less than the phase of the ticks leaves open",
	}[name]
}
