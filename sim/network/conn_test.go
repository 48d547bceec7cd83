package network_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// accept opens port 80 with one kind of handler.
func accept(t *testing.T, h *network.Host, fn func(network.Session) network.Handler) {
	t.Helper()
	if _, err := h.Listen(80, func(string) network.Decision { return network.Decision{Handler: fn} }); err != nil {
		t.Fatal(err)
	}
}

// dialed runs fn with a connection to web:80.
func dialed(t *testing.T, k *sim.Kernel, from *network.Host, fn func(*sim.Task, *network.Conn)) {
	t.Helper()
	k.Go(k.Name("dialer"), func(task *sim.Task) {
		c, err := from.Dial(task, "web:80", sim.Forever)
		if err != nil {
			t.Error(err)
			return
		}
		fn(task, c.(*network.Conn))
	})
	run(t, k)
}

func TestDeadlines(t *testing.T) {
	k, _, prober, web := world(t)
	accept(t, web, func(s network.Session) network.Handler { s.Send([]byte("abc")); return nil })
	dialed(t, k, prober, func(task *sim.Task, c *network.Conn) {
		at := func(d time.Duration) time.Time { return sim.Epoch.Add(d) }
		b := make([]byte, 10)
		if n, err := c.Read(b); n != 3 || err != nil {
			t.Error(n, err)
		}
		_ = c.SetReadDeadline(at(5 * time.Second))
		_, err := c.Read(b)
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if want := "read tcp 10.244.0.1:32768->10.244.0.2:80: i/o timeout"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
		if task.Now() != 5*time.Second {
			t.Errorf("timed out at %v", task.Now())
		}
		if _, err := c.Write(b); err != nil {
			t.Error("the deadline of Read fails a Write:", err)
		}
		_ = c.SetDeadline(at(0))
		if _, err := c.Write(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_ = c.SetDeadline(time.Time{})
		_ = c.SetWriteDeadline(at(time.Minute))
		if _, err := c.Write(b); err != nil {
			t.Error(err)
		}
		if n, err := c.Read(nil); n != 0 || err != nil {
			t.Error(n, err)
		}
		if c.LocalAddr().String() != "10.244.0.1:32768" || c.RemoteAddr().String() != "10.244.0.2:80" {
			t.Error(c.LocalAddr(), c.RemoteAddr())
		}
		_ = c.Close()
		if _, err := c.Read(b); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := c.SetDeadline(at(1)); err != nil || c.LocalAddr() != nil {
			t.Error("after Close")
		}
	})
}

func TestDialDeadlineHasPassed(t *testing.T) {
	k, _, prober, web := world(t)
	accept(t, web, serveHTTP)
	k.Go(1, func(task *sim.Task) {
		task.SleepUntil(time.Second)
		_, err := prober.Dial(task, "web:80", time.Second)
		if want := "dial tcp 10.244.0.2:80: i/o timeout"; !errors.Is(err, os.ErrDeadlineExceeded) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
	run(t, k)
}

func TestHalfCloseAndLinger(t *testing.T) {
	k, _, prober, web := world(t)
	var ends []error
	accept(t, web, func(s network.Session) network.Handler {
		return &sink{end: func(err error) {
			ends = append(ends, err)
			s.Send([]byte("bye"))
			s.Close()
		}}
	})
	dialed(t, k, prober, func(_ *sim.Task, c *network.Conn) {
		_, _ = c.Write([]byte("hi"))
		_ = c.CloseWrite()
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
		if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
			t.Errorf("%q %v", b, err)
		}
		_ = c.Close()
	})
	dialed(t, k, prober, func(_ *sim.Task, c *network.Conn) {
		_ = c.SetLinger(0)
		_ = c.Close()
	})
	if len(ends) != 2 || ends[0] != nil || !errors.Is(ends[1], syscall.ECONNRESET) {
		t.Error(ends)
	}
}

type sink struct{ end func(error) }

func (s *sink) OnData([]byte)     {}
func (s *sink) OnClose(err error) { s.end(err) }
func (s *sink) OnDrained()        {}

func TestWriteAfterReset(t *testing.T) {
	k, _, prober, web := world(t)
	accept(t, web, func(s network.Session) network.Handler { s.Reset(); s.Send([]byte("x")); return nil })
	dialed(t, k, prober, func(task *sim.Task, c *network.Conn) {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
		_ = c.Close()
	})
}

func TestBlockingHoldsTheWriterBack(t *testing.T) {
	k, n, prober, web := world(t)
	accept(t, web, func(s network.Session) network.Handler {
		return network.Blocking(k, web.Actor(), s, func(c net.Conn) {
			b := make([]byte, 1000)
			if _, err := io.ReadFull(c, b); err != nil {
				t.Error(err)
			}
			_ = c.SetReadDeadline(sim.Epoch.Add(time.Second))
			k.Current().SleepUntil(time.Minute)
			if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			_ = c.SetDeadline(time.Time{})
			rest, err := io.Copy(io.Discard, c)
			if rest != 999_000 || err != nil {
				t.Error(rest, err)
			}
			if n, err := c.Write(make([]byte, 300_000)); n != 300_000 || err != nil {
				t.Error(n, err)
			}
		})
	})
	dialed(t, k, prober, func(task *sim.Task, c *network.Conn) {
		_, _ = c.Write(make([]byte, 1_000_000))
		if task.Now() < time.Minute {
			t.Errorf("all written at %v, before the server reads", task.Now())
		}
		_ = c.CloseWrite()
		if b, err := io.ReadAll(c); len(b) != 300_000 || err != nil {
			t.Error(len(b), err)
		}
		_ = c.Close()
	})
	if n.Pooled() != 1 {
		t.Error("the link is not free")
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: sim.Epoch.Add(-time.Hour), NotAfter: sim.Epoch.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	k, _, prober, web := world(t)
	accept(t, web, func(s network.Session) network.Handler {
		return network.Blocking(k, web.Actor(), s, func(raw net.Conn) {
			c := tls.Server(raw, config)
			defer func() { _ = c.Close() }()
			b := make([]byte, 5)
			if _, err := io.ReadFull(c, b); err != nil {
				t.Error(err)
			}
			_, _ = c.Write(append(b, " world"...))
		})
	})
	dialed(t, k, prober, func(_ *sim.Task, raw *network.Conn) {
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		defer func() { _ = c.Close() }()
		_, _ = c.Write([]byte("hello"))
		if b, err := io.ReadAll(c); string(b) != "hello world" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
}
