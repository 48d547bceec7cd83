// Command vmprobe tests health probes of virtual machines: it runs scenario
// files on a deterministic simulator and prints judged timelines.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
)

// gcPercent trades memory for time: a run makes much garbage and keeps little.
// GOGC in the environment wins.
const gcPercent = 400

// patience is how long an interrupted command may take to stop by itself. A
// command that waits for its input, for one, never notices.
const patience = time.Second

func main() {
	daemon.Keep()
	entries()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, tidied := withTidying(ctx)
	context.AfterFunc(ctx, func() {
		stop() // a second ctrl-C ends the program at once
		time.AfterFunc(patience, func() {
			tidied()
			os.Exit(interrupted(os.Stderr))
		})
	})
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.LookupEnv))
}

// streams are the three ends of a command; tests inject them.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

type lookupEnv func(string) (string, bool)
