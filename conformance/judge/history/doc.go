// Package history arranges the events of a trace by VM, container, probe,
// attempt and try, so that judges and timelines can ask for them. It draws no
// conclusions and shares no code with the prober whose trace it reads.
package history
