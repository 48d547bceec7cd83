package network_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// httpServer answers every request at once and closes.
type httpServer struct{ s network.Session }

func (h *httpServer) OnData([]byte) {
	h.s.Send([]byte(answer))
	h.s.Close()
}
func (h *httpServer) OnClose(error) {}
func (h *httpServer) OnDrained()    {}

func serveHTTP(s network.Session) network.Handler { return &httpServer{s: s} }

func TestHTTPExchange(t *testing.T) {
	k := sim.New(1)
	defer k.Close()
	n := network.New(k)
	prober, web := n.AddHost("prober"), n.AddHost("web")
	if _, err := web.Listen(80, func(string) network.Decision {
		return network.Decision{Handler: serveHTTP}
	}); err != nil {
		t.Fatal(err)
	}
	var at time.Duration
	var body string
	var failure error
	k.Go(k.Name("probe"), func(task *sim.Task) {
		c, err := prober.Dial(task, "10.244.0.2:80", time.Second)
		if err != nil {
			failure = err
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: web\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			failure = err
			return
		}
		b, err := io.ReadAll(resp.Body)
		body, failure, at = string(b), err, task.Now()
	})
	if err := k.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if failure != nil || body != "ok" {
		t.Fatalf("body %q, error %v", body, failure)
	}
	if want := 4 * network.DefaultLatency; at != want {
		t.Errorf("answered at %v, want %v", at, want)
	}
	// Start of the task, SYN, SYN-ACK, ACK with request, response with FIN, FIN.
	if k.Events() != 6 {
		t.Errorf("%d events, want 6", k.Events())
	}
	k.Go(1, func(task *sim.Task) {
		_, failure = prober.Dial(task, "web:81", sim.Forever)
	})
	if err := k.Run(2 * time.Minute); err != nil || !errors.Is(failure, syscall.ECONNREFUSED) {
		t.Errorf("%v, %v", err, failure)
	}
	if got, want := failure.Error(), "dial tcp 10.244.0.2:81: connect: connection refused"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
