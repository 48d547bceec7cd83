//go:build netoverlay

package overlay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Whoever dials, by whatever way, dials here; until remove.
func TestInstall(t *testing.T) {
	var seen []string
	taken := errors.New("taken")
	remove := Install(func(_ context.Context, network, address string) (net.Conn, error) {
		seen = append(seen, network+" "+address)
		return nil, taken
	})
	_, plain := net.Dial("tcp", "192.0.2.1:1")
	_, secure := tls.Dial("tcp4", "192.0.2.1:2", nil)
	_, get := http.Get("http://192.0.2.1:3/")
	for _, err := range []error{plain, secure, get} {
		if !errors.Is(err, taken) {
			t.Errorf("error %v", err)
		}
	}
	if want := []string{"tcp 192.0.2.1:1", "tcp4 192.0.2.1:2", "tcp 192.0.2.1:3"}; !slices.Equal(seen, want) {
		t.Errorf("dials %q, want %q", seen, want)
	}
	func() {
		defer func() {
			if v := recover(); v == nil {
				t.Error("a second one is no panic")
			}
		}()
		Install(nil)
	}()
	remove()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	conn.Close()
	if strings.Contains(strings.Join(seen, " "), l.Addr().String()) {
		t.Error("a dial afterwards was taken")
	}
}
