package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The exit codes of every command.
const (
	exitOK               = 0
	exitNegative         = 1   // the verdict is negative, or a document is not true
	exitUsage            = 2   // bad usage or invalid input; nothing selected counts
	exitCouldNotRun      = 3   // testbed, I/O, or the prober broke the protocol
	exitNondeterministic = 4   // two runs of one seed differ
	exitInterrupted      = 130 // ctrl-C
)

const exitCodeHelp = `Exit codes:
  0    every case passed, or fails as it is known to
  1    the verdict is negative: a case failed, two runs differ in verdict, a list of
       known failures or a saved report is not true
  2    bad usage or invalid input; nothing selected counts
  3    could not run: testbed, I/O, prober protocol
  4    nondeterminism: two runs of one seed differ
  130  interrupted`

// exitError carries an exit code. With a nil err everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit returns an error that ends the program with code, after err was
// printed, if there is one.
func exit(code int, err error) error { return &exitError{code, err} }

func usagef(format string, args ...any) error {
	return exit(exitUsage, fmt.Errorf(format, args...))
}

// finish prints err, unless everything has been said, and maps it to an exit
// code. An error without a code comes from the flag parser.
func finish(ctx context.Context, err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		return interrupted(stderr)
	}
	if coded, ok := errors.AsType[*exitError](err); ok {
		if coded.err != nil {
			fmt.Fprintln(stderr, "vmprobe:", err)
		}
		return coded.code
	}
	fmt.Fprintln(stderr, "vmprobe:", err)
	return exitUsage
}

func interrupted(stderr io.Writer) int {
	fmt.Fprintln(stderr, "vmprobe: interrupted")
	return exitInterrupted
}
