//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedWhileItWaitsForInput: ctrl-C ends a command that waits for
// somebody to write, whether it asked for a pipe by name or for its standard
// input.
func TestInterruptedWhileItWaitsForInput(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("not run: no named pipes here: %v", err)
	}
	for _, command := range []string{"run", "lint", "list", "explain"} {
		t.Run(command, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Args = []string{"vmprobe", command, pipe}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// This opens when the program has opened its end, long after it
			// has asked for signals. Nothing is ever written.
			end, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer end.Close()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			failed, ok := errors.AsType[*exec.ExitError](err)
			if !ok || failed.ExitCode() != exitInterrupted || stderr.String() != "vmprobe: interrupted\n" {
				t.Errorf("%v, %q", err, &stderr)
			}
		})
	}
}
