package oshost

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// speak sends a request over a connection and reads the status line.
func speak(t *testing.T, c net.Conn, patience time.Duration) error {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	return listen(c, patience)
}

func listen(c net.Conn, patience time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

// TestCutAndHalfOpen: nothing passes a cut, in either direction, and no SYN is
// answered; half open, only what the guest says is missing. Afterwards what was
// said arrives.
func TestCutAndHalfOpen(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(*Host) func()
		dials bool
	}{
		{"cut", (*Host).Cut, false},
		{"half open", (*Host).HalfOpen, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "cut" && !CanDrop {
				t.Skip("not run: this system cannot drop SYNs")
			}
			l := newLab(t, fakevm.Program{Endpoints: []fakevm.Endpoint{
				{Kind: fakevm.HTTP, Port: 80, Steps: always(fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200}})},
			}})
			before, err := net.Dial("tcp", l.addr(80))
			if err != nil {
				t.Fatal(err)
			}
			defer before.Close()
			time.Sleep(50 * time.Millisecond) // it is accepted
			var end func()
			l.host.Do(func() { end = tt.begin(l.host) })
			if err := speak(t, before, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("on a connection: %v", err)
			}
			during, err := net.DialTimeout("tcp", l.addr(80), 300*time.Millisecond)
			if (err == nil) != tt.dials {
				t.Errorf("dial: %v", err)
			}
			if err == nil {
				defer during.Close()
				if err := speak(t, during, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("on a new connection: %v", err)
				}
			}
			l.host.Do(end)
			if err := listen(before, 2*time.Second); err != nil {
				t.Errorf("afterwards, on the first connection: %v", err)
			}
			if got := l.get("http", 80, 2*time.Second); got != "200 0 bytes" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

// TestForwarded: a port that is not in the list is refused, whatever the script
// says.
func TestForwarded(t *testing.T) {
	free := freePorts(t, 2)
	open, closed := free[0], free[1]
	host := New(Config{Address: address, Forwarded: []uint16{open}})
	defer host.Close()
	host.Do(func() {
		var p fakevm.Program
		for _, port := range []uint16{open, closed} {
			p.Endpoints = append(p.Endpoints, fakevm.Endpoint{Kind: fakevm.TCP, Port: port, Steps: always(fakevm.Reply{TCP: &fakevm.TCPReply{}})})
		}
		g, err := fakevm.New(host, p, fakevm.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		g.Boot(host.Now())
	})
	for port, want := range map[uint16]error{open: nil, closed: syscall.ECONNREFUSED} {
		c, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
		if !errors.Is(err, want) {
			t.Errorf("port %d: %v, want %v", port, err, want)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}
