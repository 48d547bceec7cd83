package network

import (
	"slices"
	"time"
)

// Every fault begins with its call and ends with the function it returns,
// which may be called more than once. Faults of one kind add up: delays are
// summed, the worst loss and the narrowest bandwidth count.

// faults are the values in force, by kind.
type faults struct {
	delay, loss, limit values
}

// values is a multiset of small numbers.
type values []int64

func (v *values) add(x int64, changed func()) (end func()) {
	*v = append(*v, x)
	changed()
	done := false
	return func() {
		if done {
			return
		}
		done = true
		if i := slices.Index(*v, x); i >= 0 {
			*v = slices.Delete(*v, i, i+1)
		}
		changed()
	}
}

func counted(n *int, changed func()) (end func()) {
	*n++
	changed()
	done := false
	return func() {
		if done {
			return
		}
		done = true
		*n--
		changed()
	}
}

type partition struct{ a, b []string }

func (p *partition) separates(x, y *Host) bool {
	return slices.Contains(p.a, x.name) && slices.Contains(p.b, y.name) ||
		slices.Contains(p.b, x.name) && slices.Contains(p.a, y.name)
}

// Partition makes every packet between the named sides vanish, both ways;
// hosts on one side or on neither are not touched. Names of hosts that do not
// exist yet are allowed. After the heal, what was not acknowledged follows
// with its next retransmission, not at once.
func (n *Network) Partition(a, b []string) (heal func()) {
	p := &partition{a: slices.Clone(a), b: slices.Clone(b)}
	n.partitions = append(n.partitions, p)
	return func() {
		if i := slices.Index(n.partitions, p); i >= 0 {
			n.partitions = slices.Delete(n.partitions, i, i+1)
		}
	}
}

// RefuseAll answers every SYN to the host by RST.
func (h *Host) RefuseAll() (end func()) { return counted(&h.refusing, func() {}) }

// HalfOpen makes everything but the handshake vanish that the host sends on a
// connection: SYN-ACK and RST still arrive, data and FIN do not.
func (h *Host) HalfOpen() (end func()) { return counted(&h.halfOpen, func() {}) }

// CloseFails makes Close fail at the dialer's end of connections to the host.
// The connection ends all the same; the peer does not notice.
func (h *Host) CloseFails() (end func()) { return counted(&h.closeFails, func() {}) }

// Delay adds d to each one-way delivery from and to the host; negative means
// 0. Packets under way keep theirs.
func (h *Host) Delay(d time.Duration) (end func()) {
	return h.faults.delay.add(int64(bounded(d)), func() {
		h.delay = 0
		for _, v := range h.faults.delay {
			h.delay += time.Duration(v)
		}
	})
}

// Loss loses percent of the packets from and to the host, 0..100, by draws of
// the kernel's seed for each packet. TCP repeats them, so loss is delay: a
// SYN after 1, 3, 7, ... s, a segment after 200 ms doubling.
func (h *Host) Loss(percent int) (end func()) {
	return h.faults.loss.add(int64(min(max(percent, 0), 100)), func() {
		h.loss = 0
		for _, v := range h.faults.loss {
			h.loss = max(h.loss, int(v))
		}
	})
}

// Bandwidth limits the host's line to so many bytes a second in each
// direction, shared by its connections packet by packet. bytesPerSecond <= 0
// is no limit.
func (h *Host) Bandwidth(bytesPerSecond int64) (end func()) {
	return h.faults.limit.add(bytesPerSecond, func() {
		h.limit = 0
		for _, v := range h.faults.limit {
			if v > 0 && (h.limit == 0 || v < h.limit) {
				h.limit = v
			}
		}
		h.lineIn, h.lineOut = h.net.kernel.Now(), h.net.kernel.Now()
		h.kick()
	})
}

// Freeze stops the host's network as a stopped vCPU does: packets that arrive
// wait in the virtual device, nothing leaves. At the thaw all of them are
// taken at once. The host's own timers are the caller's business.
func (h *Host) Freeze() (thaw func()) {
	return counted(&h.frozen, func() {
		if h.frozen > 0 {
			return
		}
		held := h.held
		h.held = nil
		for _, p := range held {
			p.holder = nil
			h.net.kernel.Set(&p.timer, h.net.kernel.Now())
		}
		h.kick()
	})
}

// Frozen reports whether a Freeze is in force.
func (h *Host) Frozen() bool { return h.frozen > 0 }

// ResetAll resets the established connections to the host: their handlers
// hear it now, their dialers one latency later.
func (h *Host) ResetAll() {
	for _, l := range slices.Clone(h.links) {
		if l.server == h {
			l.busy++
			l.endServer(errReset)
			l.down.sendReset()
			l.busy--
			l.settle()
		}
	}
}

// Crash takes the host off the network: nothing is answered, ports are
// closed, connections go silent; their handlers hear nothing more.
func (h *Host) Crash() {
	h.down = true
	h.boot++
	clear(h.ports)
	for _, l := range slices.Clone(h.links) {
		if l.server == h {
			l.busy++
			l.gone, l.handler = true, nil
			l.down.abandon()
			l.busy--
			l.settle()
		}
	}
}

// Boot brings the host back after a Crash. It knows no connection of before
// and answers their packets by RST.
func (h *Host) Boot() { h.down = false }

// Down reports whether the host has crashed and not booted yet.
func (h *Host) Down() bool { return h.down }

// kick lets the host's senders try again after a change.
func (h *Host) kick() {
	for _, l := range h.links {
		l.up.again()
		l.down.again()
	}
}
