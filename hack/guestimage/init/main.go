//go:build linux

// Command init is PID 1 of the guest image, see package guestd. Started under
// another name, by the guest agent, it is a command that a probe runs.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

func main() {
	if os.Getpid() != 1 {
		os.Exit(guestd.RunAsCommand(os.Args, os.Stdout))
	}
	err := guestd.Main()
	fmt.Fprintf(os.Stderr, "init: %v\n", err)
	for { // a PID 1 that ends is a panic, which would pass for one of the script's
		time.Sleep(time.Hour)
	}
}
