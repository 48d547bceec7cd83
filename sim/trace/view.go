package trace

import (
	"fmt"
	"slices"
	"strings"
)

// View says from where a run was watched, and so what its trace can hold. A
// judge is silent about what the view does not show.
type View string

// The views, from the one that shows most to the one that shows least.
const (
	// ViewProber is from inside the prober: every attempt, every try and every
	// state. It is the zero value: the simulator's own traces say nothing more.
	ViewProber View = ""
	// ViewWire is from outside the prober, on a network that the harness owns:
	// the guest's log with every SYN, also those that are refused or dropped;
	// what the prober reports (Ready, liveness failures); the platform.
	ViewWire View = "wire"
	// ViewGuest is as ViewWire from inside the guest: a connection that was
	// refused or whose SYN was dropped leaves no trace.
	ViewGuest View = "guest"
)

// Views lists all views.
func Views() []View { return []View{ViewProber, ViewWire, ViewGuest} }

// String is the name for people and flags; that of ViewProber is "prober".
func (v View) String() string {
	if v == ViewProber {
		return "prober"
	}
	return string(v)
}

// ParseView is the inverse of String; the empty text is ViewProber.
func ParseView(text string) (View, error) {
	names := make([]string, 0, len(Views()))
	for _, v := range Views() {
		if text == v.String() || text == string(v) {
			return v, nil
		}
		names = append(names, v.String())
	}
	return ViewProber, fmt.Errorf("unknown view %q: want %s", text, strings.Join(names, ", "))
}

// internals lists what only the prober itself knows.
func internals() []Kind {
	return []Kind{TryStarted, TryFinished, AttemptFinished, ProbeState, Trigger}
}

// ShowsAttempts tells whether the trace holds attempts, tries and states.
func (v View) ShowsAttempts() bool { return v == ViewProber }

// ShowsSYNs tells whether the guest's log holds connections that never came to
// be.
func (v View) ShowsSYNs() bool { return v != ViewGuest }

// shows tells whether the view has that event.
func (v View) shows(e *Event) bool {
	if v == ViewProber {
		return true
	}
	return !slices.Contains(internals(), e.Kind) && (v.ShowsSYNs() || e.Kind != GuestSaw || !neverConnected(e.Msg))
}

// neverConnected tells whether the reply of a guest-saw event stops the
// handshake: by a RST, by silence, or by a full queue that nobody empties.
// Replies begin with their connect.
func neverConnected(msg string) bool {
	return strings.HasPrefix(msg, `{"connect":"refused"`) || strings.HasPrefix(msg, `{"connect":"blackhole"`) ||
		strings.HasPrefix(msg, `{"tcp":{`) && strings.Contains(msg, `"backlog":`)
}

// Of is the part of the events that the view shows; the list itself when that
// is all.
func (v View) Of(list []Event) []Event {
	if v == ViewProber {
		return list
	}
	out := make([]Event, 0, len(list))
	for i := range list {
		if v.shows(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}

// Seen is the trace as it looks from a view that shows less. The digest is
// computed anew.
func (t *Trace) Seen(v View) *Trace {
	out := &Trace{Header: t.Header, Events: v.Of(t.Events)}
	out.View = v
	out.Seal()
	return out
}
