package network_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// BenchmarkExchange is a request and its response on a connection of their
// own: 6 events with the start of the task, and the allocations are the ends
// of the connection and the remote address for the gate.
func BenchmarkExchange(b *testing.B) {
	k := sim.New(1)
	defer k.Close()
	n := network.New(k)
	prober, web := n.AddHost("prober"), n.AddHost("web")
	reply := []byte(answer)
	server := &replier{reply: reply}
	decision := network.Decision{Handler: func(s network.Session) network.Handler {
		server.s = s
		return server
	}}
	_, _ = web.Listen(80, func(string) network.Decision { return decision })
	request := []byte("GET /healthz HTTP/1.1\r\nHost: 10.244.0.2\r\n\r\n")
	buf := make([]byte, 1024)
	fn := func(task *sim.Task) {
		deadline := task.Now() + time.Second
		c, err := prober.Dial(task, "10.244.0.2:80", deadline)
		if err != nil {
			b.Error(err)
			return
		}
		_ = c.SetDeadline(sim.Epoch.Add(deadline))
		_, _ = c.Write(request)
		for {
			if _, err := c.Read(buf); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Error(err)
				break
			}
		}
		_ = c.Close()
	}
	b.ReportAllocs()
	for b.Loop() {
		k.Go(1, fn)
		if err := k.Run(k.Now() + time.Second); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(k.Events())/float64(b.N), "events/op")
}

type replier struct {
	s     network.Session
	reply []byte
}

func (r *replier) OnData([]byte) {
	r.s.Send(r.reply)
	r.s.Close()
}
func (r *replier) OnClose(error) {}
func (r *replier) OnDrained()    {}

// BenchmarkBulk is a megabyte through the window.
func BenchmarkBulk(b *testing.B) {
	k := sim.New(1)
	defer k.Close()
	n := network.New(k)
	prober, web := n.AddHost("prober"), n.AddHost("web")
	_, _ = web.Listen(80, func(string) network.Decision { return network.Decision{} })
	chunk := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		k.Go(1, func(task *sim.Task) {
			c, _ := prober.Dial(task, "10.244.0.2:80", sim.Forever)
			_, _ = c.Write(chunk)
			_ = c.Close()
		})
		if err := k.Run(k.Now() + time.Second); err != nil {
			b.Fatal(err)
		}
	}
}
