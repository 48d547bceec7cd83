package wire

import (
	"slices"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// faults are what is in force. Those of one kind add up: delays are summed, the
// worst loss counts.
type faults struct {
	cut, refusing, halfOpen int
	delays                  []time.Duration
	losses                  []int
}

// flow is a connection by its ports.
type flow struct{ host, guest uint16 }

// state is what an RST in the name of either side needs.
type state struct {
	hostNext, guestNext uint32 // the next sequence numbers
	fromHost            []byte // a frame, for its addresses
}

// counted puts a fault in force until end is called; a second call changes
// nothing.
func (w *Wire) counted(n *int) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n++
	return w.once(func() { *n-- })
}

func (w *Wire) once(fn func()) func() {
	done := false
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !done {
			done = true
			fn()
		}
	}
}

// Cut takes the link down: every frame vanishes, both ways.
func (w *Wire) Cut() (end func()) { return w.counted(&w.faults.cut) }

// Refuse answers every SYN to the guest by RST.
func (w *Wire) Refuse() (end func()) { return w.counted(&w.faults.refusing) }

// HalfOpen lets everything but the handshake vanish that the guest sends.
func (w *Wire) HalfOpen() (end func()) { return w.counted(&w.faults.halfOpen) }

// Delay delays every frame, both ways.
func (w *Wire) Delay(by time.Duration) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults.delays = append(w.faults.delays, by)
	return w.once(func() { w.faults.delays = without(w.faults.delays, by) })
}

// Loss loses so many percent of the frames, both ways.
func (w *Wire) Loss(percent int) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults.losses = append(w.faults.losses, percent)
	return w.once(func() { w.faults.losses = without(w.faults.losses, percent) })
}

func without[T comparable](list []T, x T) []T {
	if i := slices.Index(list, x); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// ResetAll resets every connection, for both sides.
func (w *Wire) ResetAll() {
	w.mu.Lock()
	type rst struct {
		frame []byte
		to    side
	}
	var list []rst
	for f, s := range w.flows {
		list = append(list,
			rst{reset(s.fromHost, f.host, f.guest, false, s.hostNext, s.guestNext), toGuest},
			rst{reset(s.fromHost, f.guest, f.host, true, s.guestNext, s.hostNext), toHost})
	}
	w.flows = map[flow]*state{}
	w.mu.Unlock()
	for _, r := range list {
		w.deliver(r.frame, r.to)
	}
}

// judge decides what becomes of a frame.
func (w *Wire) judge(frame []byte, to side) {
	s, isTCP := parse(frame)
	w.mu.Lock()
	f := &w.faults
	if f.cut > 0 || slices.ContainsFunc(f.losses, func(percent int) bool { return w.random.IntN(100) < percent }) {
		w.mu.Unlock()
		return
	}
	if isTCP && f.refusing > 0 && to == toGuest && s.has(header.TCPFlagSyn) {
		w.mu.Unlock()
		w.deliver(s.refusal(), toHost)
		return
	}
	if isTCP && f.halfOpen > 0 && to == toHost && !s.has(header.TCPFlagSyn|header.TCPFlagRst) && (s.data() > 0 || s.has(header.TCPFlagFin)) {
		w.mu.Unlock()
		return
	}
	if isTCP {
		w.follow(&s, to)
	}
	var delay time.Duration
	for _, d := range f.delays {
		delay += d
	}
	w.mu.Unlock()
	if delay > 0 {
		time.AfterFunc(delay, func() { w.deliver(frame, to) })
		return
	}
	w.deliver(frame, to)
}

// follow keeps the sequence numbers of connections.
func (w *Wire) follow(s *segment, to side) {
	key := flow{s.tcp.SourcePort(), s.tcp.DestinationPort()}
	if to == toHost {
		key = flow{key.guest, key.host}
	}
	st := w.flows[key]
	switch {
	case s.has(header.TCPFlagRst):
		delete(w.flows, key)
		return
	case to == toGuest && (st == nil || s.has(header.TCPFlagSyn)):
		st = &state{fromHost: slices.Clone(s.frame[:header.EthernetMinimumSize+header.IPv4MinimumSize])}
		w.flows[key] = st
	case st == nil:
		return
	}
	if to == toGuest {
		st.hostNext = s.next()
		if s.has(header.TCPFlagAck) {
			st.guestNext = s.tcp.AckNumber()
		}
		return
	}
	st.guestNext = s.next()
}
