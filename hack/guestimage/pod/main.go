// Command pod is the program of the guest's container image, see package
// guestpod. Started under another name, by the kubelet, it is a command that a
// probe runs.
//
//	CGO_ENABLED=0 go build -o vmprobe-guest ./hack/guestimage/pod
//
// An image holds this one file as /vmprobe-guest, which is its entry point.
package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vmprobe/vmprobe/fakevm/guestpod"
)

func main() {
	if filepath.Base(os.Args[0]) != guestpod.Binary {
		os.Exit(guestpod.RunAsCommand(os.Getenv, os.Args, os.Stdout))
	}
	term := make(chan os.Signal, 4)
	signal.Notify(term, syscall.SIGTERM)
	os.Exit(guestpod.Main(os.Getenv, os.Stdout, term))
}
