package bench

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

// runMock runs the scenario with goroutines on clock.Mock: a worker with a
// ticker for each VM, and a server for each connection.
func runMock(virtual time.Duration) (int, int) {
	mock := clock.NewMock()
	start := mock.Now()
	end := start.Add(virtual)
	var attempts, good atomic.Int64
	var workers sync.WaitGroup
	for vm := range VMs {
		timer := mock.Timer(offset(vm))
		request, _ := http.NewRequest(http.MethodGet, "http://vm/healthz", nil)
		workers.Go(func() {
			<-timer.C
			ticker := mock.Ticker(Period)
			defer ticker.Stop()
			for n := 1; mock.Now().Before(end); n++ {
				attempts.Add(1)
				c, s := net.Pipe()
				go serveMock(mock, s, latency(vm, n))
				if roundTrip(c, request) {
					good.Add(1)
				}
				_ = c.Close()
				<-ticker.C
			}
		})
	}
	mock.Add(virtual - 1)
	// Attempts under way at the end; their workers stop at the next tick.
	done := make(chan struct{})
	counted, ok := int(attempts.Load()), 0
	go func() {
		workers.Wait()
		close(done)
	}()
	mock.Add(50 * time.Millisecond)
	ok = int(good.Load())
	for {
		select {
		case <-done:
			return counted, ok
		default:
			mock.Add(Period)
		}
	}
}

func serveMock(mock *clock.Mock, c net.Conn, after time.Duration) {
	defer func() { _ = c.Close() }()
	r := readers.Get().(*bufio.Reader)
	defer readers.Put(r)
	r.Reset(c)
	if _, err := http.ReadRequest(r); err != nil {
		return
	}
	mock.Sleep(after)
	_, _ = io.WriteString(c, response)
}
