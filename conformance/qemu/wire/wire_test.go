package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

const (
	open   = 80
	closed = 81
)

// newPair makes a wire with a guest at its other end: another wire, turned
// around, whose stack listens.
func newPair(t *testing.T) *Wire {
	t.Helper()
	host, guest := netip.MustParseAddr("10.0.2.2"), netip.MustParseAddr("10.0.2.15")
	near, err := New(Config{Host: host, Guest: guest, GuestMAC: net.HardwareAddr(hostMAC), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	far, err := New(Config{Host: guest, Guest: host, GuestMAC: net.HardwareAddr(hostMAC)})
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	near.Attach(a)
	far.Attach(b)
	l, err := gonet.ListenTCP(far.stack, tcpip.FullAddress{NIC: nic, Port: open}, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		near.Close()
		far.Close()
	})
	return near
}

// echo sends a word and gives the first error.
func echo(c net.Conn, patience time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err
}

func dial(w *Wire, port uint16, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return w.Dial(ctx, port)
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// TestFaults: what a dialer sees with each fault, and that it is over when the
// fault is.
func TestFaults(t *testing.T) {
	const short = 200 * time.Millisecond
	for name, c := range map[string]struct {
		fault func(*Wire) func()
		dial  func(error) bool // nil: it succeeds
		echo  func(error) bool
	}{
		"none":     {fault: func(*Wire) func() { return func() {} }},
		"refuse":   {fault: (*Wire).Refuse, dial: func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"cut":      {fault: (*Wire).Cut, dial: timedOut},
		"loss":     {fault: func(w *Wire) func() { return w.Loss(100) }, dial: timedOut},
		"halfOpen": {fault: (*Wire).HalfOpen, echo: timedOut},
		"delay":    {fault: func(w *Wire) func() { return w.Delay(short) }, dial: timedOut},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPair(t)
			end := c.fault(w)
			conn, err := dial(w, open, short)
			switch {
			case c.dial != nil:
				if err == nil || !c.dial(err) {
					t.Errorf("dial: %v", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				if err := echo(conn, short); c.echo == nil && err != nil || c.echo != nil && (err == nil || !c.echo(err)) {
					t.Errorf("echo: %v", err)
				}
			}
			end()
			end() // a second time changes nothing
			if conn, err = dial(w, open, 3*time.Second); err != nil {
				t.Fatalf("after the fault: %v", err)
			}
			if err := echo(conn, 3*time.Second); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// TestResetAll: both sides of an open connection see a reset, a new one works.
func TestResetAll(t *testing.T) {
	w := newPair(t)
	c, err := dial(w, open, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(c, time.Second); err != nil {
		t.Fatal(err)
	}
	w.ResetAll()
	if err := echo(c, time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the reset: %v", err)
	}
	if c, err = dial(w, open, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := echo(c, time.Second); err != nil {
		t.Error(err)
	}
}

// TestTruth: a closed port refuses, and a machine that is away is silent.
func TestTruth(t *testing.T) {
	w := newPair(t)
	if _, err := dial(w, closed, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a closed port: %v", err)
	}
	w.Detach()
	if _, err := dial(w, open, 200*time.Millisecond); !timedOut(err) {
		t.Errorf("nobody on the wire: %v", err)
	}
}

// TestNoise: what is no frame ends the link, and nothing else.
func TestNoise(t *testing.T) {
	w := newPair(t)
	a, b := net.Pipe()
	w.Attach(a)
	go func() {
		_, _ = b.Write(binary.BigEndian.AppendUint32(nil, 1<<30))
		_ = b.Close()
	}()
	if _, err := dial(w, open, 100*time.Millisecond); !timedOut(err) {
		t.Errorf("%v", err)
	}
}

// FuzzParse: no frame of a guest panics.
func FuzzParse(f *testing.F) {
	f.Add(reset(make([]byte, 34), 1, 2, true, 3, 4))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		s, ok := parse(frame)
		if !ok {
			return
		}
		if s.data() < 0 {
			t.Error("less than no data")
		}
		if r, ok := parse(s.refusal()); !ok || r.tcp.SourcePort() != s.tcp.DestinationPort() {
			t.Error("the answer is no segment to where it came from")
		}
	})
}
