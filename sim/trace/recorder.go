package trace

// Recorder keeps the events of a run in memory. It is a Sink.
type Recorder struct{ Events []Event }

// Record implements Sink.
func (r *Recorder) Record(e Event) { r.Events = append(r.Events, e) }

// Trace gives the recorded events a header and a digest. The events are
// shared with the recorder, not copied.
func (r *Recorder) Trace(h Header) *Trace {
	t := &Trace{Header: h, Events: r.Events}
	t.Seal()
	return t
}

// Tee is a Sink that passes each event on to several others, in order.
type Tee []Sink

// Record implements Sink.
func (t Tee) Record(e Event) {
	for _, s := range t {
		s.Record(e)
	}
}
