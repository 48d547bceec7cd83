package mutants

// Invisible tells why nobody can notice a mutant from outside the prober; ""
// for all others.
func Invisible(name string) string {
	return map[string]string{
		"repeats-its-state":     "saying again what is so changes nothing outside",
		"leaks-below-threshold": "the state that leaks is not the one that the platform acts on, but in the moment of a restart",
		"starts-dead":           "the initial state of liveness is not acted on",
		"stopped-keeps-state":   "the platform itself takes a stopped container out",
		"exec-whole-exit-code":  "in its case the wrong class never reaches a threshold; only attempts show it",
		"exec-killed-at-t":      "the second that the command lacks is less than the phase of the ticks leaves open",
	}[name]
}
