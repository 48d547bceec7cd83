//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// childVariable holds the folder of the cluster that a child has to hold.
const childVariable = "VMPROBE_CLUSTER_CHILD"

// What a child inherits.
const (
	aliveFD    = 3 // the locked file "alive"
	goFD       = 4 // a pipe; one byte says that the parent has noted the child
	listenerFD = 5 // tier node: a socket on the machine's loopback
)

// startLimit is how long a component may take to answer, on a busy machine.
const startLimit = 5 * time.Minute

// Child holds a cluster if this process was started by Up to do so, and gives
// its exit code. Every program that calls Up calls it first in main, from the
// main goroutine: Up starts the program itself once more.
func Child() (exit int, ok bool) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		return 0, false
	}
	// The kernel kills what this thread has started when the thread ends.
	runtime.LockOSThread()
	for fd := aliveFD; fd <= listenerFD; fd++ {
		unix.CloseOnExec(fd)
	}
	if n, _ := os.NewFile(goFD, "go").Read(make([]byte, 1)); n == 0 {
		return 1, true // the parent has died
	}
	err := holdCluster(dir)
	_ = os.WriteFile(filepath.Join(dir, "cause"), []byte(err.Error()), 0o600) // there is nobody else to tell
	return 1, true
}

// holdCluster starts the cluster and returns when part of it has ended.
func holdCluster(dir string) error {
	s, err := readSpec(dir)
	if err != nil {
		return err
	}
	v := newSupervisor(dir)
	go v.reap()
	if hasNode(s.Tier) {
		if err := s.isolate(v); err != nil {
			return fmt.Errorf("isolate the node: %w", err)
		}
		if err := s.forward(); err != nil {
			return err
		}
		if err := s.serveService(v); err != nil {
			return err
		}
		if err := s.startRuntime(v); err != nil {
			return err
		}
	}
	for _, u := range []*unit{s.etcd(), s.apiServer()} {
		if err := v.start(u); err != nil {
			return err
		}
	}
	if hasNode(s.Tier) {
		if err := s.importImages(v); err != nil {
			return err
		}
	}
	if err := s.awaitAPI(v); err != nil {
		return err
	}
	last := []*unit{s.controllerManager()}
	if hasNode(s.Tier) {
		last = append(last, s.scheduler(), s.kubelet())
	}
	for _, u := range last {
		if err := v.start(u); err != nil {
			return err
		}
	}
	return <-v.ended
}

// awaitAPI waits for the API server, or for the end of what it needs.
func (s *spec) awaitAPI(v *supervisor) error {
	api, err := newAPI(s.path("controller-manager.kubeconfig"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	err = poll(ctx, startLimit, func() (bool, error) {
		select {
		case err := <-v.ended:
			return false, err
		default:
			return api.ready(ctx) == nil, nil
		}
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("kube-apiserver is not ready after %s:\n%s", startLimit, lastLines(v.log("kube-apiserver")))
	}
	return err
}

// forward hands connections to the socket on the machine's loopback, which the
// child inherits, on to the API server in the namespace of the node.
func (s *spec) forward() error {
	l, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		return err
	}
	host, port := s.address()
	go pass(l, net.JoinHostPort(host, fmt.Sprint(port)))
	return nil
}

// serveService lets pods reach the API server at the address of the service
// "kubernetes", which clients in pods use: there is no kube-proxy.
func (s *spec) serveService(v *supervisor) error {
	if err := s.ip(v, "addr add "+serviceFirst+"/32 dev lo"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(serviceFirst, "443"))
	if err != nil {
		return err
	}
	host, port := s.address()
	go pass(l, net.JoinHostPort(host, fmt.Sprint(port)))
	return nil
}

// acceptPause is how long to wait after a connection could not be taken: files, or
// memory, may be short for a moment.
const acceptPause = 50 * time.Millisecond

// pass hands connections on until the listener is closed.
func pass(l net.Listener, to string) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
		default:
			go join(c, to)
		}
	}
}

// join copies both ways until both have ended.
func join(c net.Conn, to string) {
	defer c.Close() //nolint:errcheck // its end has been passed on
	d, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer d.Close() //nolint:errcheck // as above
	over := make(chan struct{}, 2)
	half := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // its end, however it comes, is passed on
		if t, ok := dst.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
		over <- struct{}{}
	}
	go half(d, c)
	go half(c, d)
	<-over
	<-over
}

// cause reads why a child gave up.
func cause(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "cause"))
	return string(text)
}
