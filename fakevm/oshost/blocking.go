package oshost

import (
	"io"
	"sync"

	"github.com/vmprobe/vmprobe/fakevm"
)

// maxFeed bounds what waits for a blocking reader; the rest is dropped, which
// breaks the stream of a peer that floods a TLS handshake.
const maxFeed = 256 << 10

// feed is the blocking view of a session: the guest puts bytes in, a task of
// its own takes them out. The lock is given away only while it waits.
type feed struct {
	host *Host
	s    fakevm.Session
	buf  []byte
	err  error
	cond *sync.Cond
}

// Blocking runs fn on a goroutine that holds the host's lock except in Read.
func (h *Host) Blocking(s fakevm.Session, fn func(fakevm.BlockingConn)) fakevm.Handler {
	f := &feed{host: h, s: s, cond: sync.NewCond(h.mu)}
	h.feeds[f] = struct{}{}
	h.wg.Go(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		fn(f)
		delete(h.feeds, f)
	})
	return f
}

func (f *feed) OnData(b []byte) {
	f.buf = append(f.buf, b[:min(len(b), max(0, maxFeed-len(f.buf)))]...)
	f.cond.Signal()
}

func (f *feed) OnClose(err error) {
	if f.err == nil {
		f.err = err
		if err == nil {
			f.err = io.EOF
		}
	}
	f.cond.Signal()
}

func (f *feed) OnDrained() {}

// Read waits for bytes or the end.
func (f *feed) Read(b []byte) (int, error) {
	for len(f.buf) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.cond.Wait()
	}
	n := copy(b, f.buf)
	f.buf = f.buf[n:]
	return n, nil
}

// Write queues; it never waits.
func (f *feed) Write(b []byte) (int, error) {
	f.s.Send(append([]byte(nil), b...))
	return len(b), nil
}

// Close sends FIN.
func (f *feed) Close() error {
	f.s.Close()
	return nil
}
