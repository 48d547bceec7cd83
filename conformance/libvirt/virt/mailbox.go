//go:build libvirt

package virt

import "sync"

// mailbox hands events over in order, from a goroutine of its own: who listens
// may call libvirt.
type mailbox struct {
	mu     sync.Mutex
	queue  []Event
	wake   chan struct{}
	closed bool
	done   chan struct{}
}

func newMailbox(listen func(Event)) *mailbox {
	m := &mailbox{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go m.run(listen)
	return m
}

// post never blocks.
func (m *mailbox) post(e Event) {
	m.mu.Lock()
	m.queue = append(m.queue, e)
	m.mu.Unlock()
	m.poke()
}

func (m *mailbox) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// close lets the goroutine end when all is handed over; it does not wait.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.poke()
}

func (m *mailbox) run(listen func(Event)) {
	defer close(m.done)
	for range m.wake {
		for {
			m.mu.Lock()
			queue, closed := m.queue, m.closed
			m.queue = nil
			m.mu.Unlock()
			for _, e := range queue {
				listen(e)
			}
			if len(queue) == 0 {
				if closed {
					return
				}
				break
			}
		}
	}
}
