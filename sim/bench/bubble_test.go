package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// runBubble runs the scenario with an unmodified http.Client and http.Server
// in a bubble of testing/synctest. The zero T works with Go 1.26, though it is
// not a documented use; a Go release that breaks it fails here.
func runBubble(virtual time.Duration) (attempts, good int) {
	synctest.Test(&testing.T{}, func(*testing.T) { attempts, good = inBubble(virtual) })
	return attempts, good
}

func inBubble(virtual time.Duration) (int, int) {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	var served [VMs]int
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vm := int(r.URL.Path[1])<<8 | int(r.URL.Path[2])
		served[vm]++
		time.Sleep(latency(vm, served[vm]))
		_, _ = io.WriteString(w, "ok")
	})}
	go func() { _ = server.Serve(l) }()
	client := &http.Client{
		Timeout:   Timeout,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: l.dial},
	}
	start := time.Now()
	var attempts, good atomic.Int64
	var workers sync.WaitGroup
	for vm := range VMs {
		workers.Go(func() {
			time.Sleep(offset(vm))
			request, _ := http.NewRequest(http.MethodGet, "http://vm/", nil)
			request.URL.Path = string([]byte{'/', byte(vm >> 8), byte(vm)})
			for at := offset(vm); at < virtual; at += Period {
				attempts.Add(1)
				resp, err := client.Do(request)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				if err == nil && resp.StatusCode == http.StatusOK {
					good.Add(1)
				}
				time.Sleep(time.Until(start.Add(at + Period)))
			}
		})
	}
	workers.Wait()
	_ = server.Close()
	return int(attempts.Load()), int(good.Load())
}

// listener hands the server's ends of pipes to an http.Server.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) dial(context.Context, string, string) (net.Conn, error) {
	c, s := net.Pipe()
	l.conns <- s
	return c, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
