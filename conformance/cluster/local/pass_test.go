//go:build linux

package local

import (
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// TestAnothers: a cluster that another provider has made is left alone.
func TestAnothers(t *testing.T) {
	home := t.TempDir()
	dir, err := cluster.Folder(home, "vmprobe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	theirs := &cluster.Status{Name: "vmprobe", Provider: "kind", State: cluster.Running}
	if err := theirs.Write(dir); err != nil {
		t.Fatal(err)
	}
	const want = "is one of the provider kind: take it down first"
	if _, err := Up(t.Context(), Config{Name: "vmprobe", Home: home, Tier: cluster.TierAPI, Tell: func(string, time.Duration) {}}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("up: %v", err)
	}
	if _, err := Down(t.Context(), home, "vmprobe"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("down: %v", err)
	}
	if s, err := cluster.Read(dir); err != nil || s.Provider != "kind" {
		t.Errorf("%+v %v", s, err)
	}
}

// shortOfFiles is a listener that cannot take the first connections.
type shortOfFiles struct {
	net.Listener
	refusals atomic.Int32
}

func (l *shortOfFiles) Accept() (net.Conn, error) {
	if l.refusals.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: unix.EMFILE}
	}
	return l.Listener.Accept()
}

// TestPass: connections are handed on also after a moment in which none could be
// taken, until the listener is closed.
func TestPass(t *testing.T) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	server, front := listen(), &shortOfFiles{Listener: listen()}
	defer server.Close()
	front.refusals.Store(2)
	over := make(chan struct{})
	go func() {
		defer close(over)
		pass(front, server.Addr().String())
	}()
	c, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, "hello"); err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); err != nil || string(text) != "hello" {
		t.Errorf("%q %v", text, err)
	}
	front.Close()
	<-over
}
