// Command vmprobe tests health probes of virtual machines: it runs scenario
// files on a deterministic simulator and prints judged timelines.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.LookupEnv))
}

// streams are the three ends of a command; tests inject them.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

type lookupEnv func(string) (string, bool)
