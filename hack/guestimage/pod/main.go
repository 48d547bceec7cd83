// Command pod is the program of the guest's container image, see package
// guestpod. Any other process than the first of a container, started by the
// kubelet, is a command that a probe runs.
//
//	CGO_ENABLED=0 go build -o guest ./hack/guestimage/pod
//
// An image holds this one file, which is its entry point.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/vmprobe/vmprobe/fakevm/guestpod"
)

func main() {
	if os.Getpid() != 1 {
		os.Exit(guestpod.RunAsCommand(os.Getenv, os.Args, os.Stdout))
	}
	term := make(chan os.Signal, 4)
	signal.Notify(term, syscall.SIGTERM)
	os.Exit(guestpod.Main(os.Getenv, os.Stdout, term))
}
