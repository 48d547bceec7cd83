// Package program runs a prober that is a program: messages on standard input
// and output, anything on standard error. It knows nothing of the messages.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// Patience is how long a program may take to end whose input was closed.
const Patience = 2 * time.Second

// Program is one that runs, in a process group of its own.
type Program struct {
	// In is its standard input, Out its standard output.
	In, Out *os.File

	cmd    *exec.Cmd
	stderr tail
	stop   func() bool
	ended  chan struct{}
	exit   error // once ended
}

// Start starts a program; argv is not empty. It gets the environment of this
// process, without the variables that name proxies. When the context ends, its
// whole process group is killed.
func Start(ctx context.Context, argv []string) (*Program, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), in.Close())
	}
	p := &Program{
		cmd: exec.Command(argv[0], argv[1:]...), In: in, Out: out, ended: make(chan struct{}), //nolint:gosec // the user says what to run
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = childIn, childOut, &p.stderr
	p.cmd.Env, p.cmd.WaitDelay = environ(os.Environ()), time.Second
	ownGroup(p.cmd)
	err = p.cmd.Start()
	err = errors.Join(err, childIn.Close(), childOut.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the prober: %w", err), in.Close(), out.Close())
	}
	go func() {
		p.exit = p.cmd.Wait()
		close(p.ended)
	}()
	p.stop = context.AfterFunc(ctx, p.Kill)
	return p, nil
}

// Pid is its process id.
func (p *Program) Pid() int { return p.cmd.Process.Pid }

// Kill kills the process group.
func (p *Program) Kill() { killGroup(p.cmd) }

// Close ends the program: by the end of its input, or else it is killed, with
// all that it started.
func (p *Program) Close() error {
	p.stop()
	err := p.In.Close()
	select {
	case <-p.ended:
	case <-time.After(Patience):
	}
	p.Kill()
	<-p.ended
	return errors.Join(err, p.Out.Close())
}

// Stderr is the end of what the program wrote to standard error.
func (p *Program) Stderr() string {
	select {
	case <-p.ended: // everything is there
	case <-time.After(50 * time.Millisecond):
	}
	return p.stderr.String()
}

// Broken words an error of reading its output as what the program did.
func (p *Program) Broken(err error) *protocol.Violation {
	if errors.Is(err, protocol.ErrLine) {
		return &protocol.Violation{What: err.Error(), Fix: "a message is one line of JSON; standard error is free for everything else"}
	}
	v := &protocol.Violation{Fix: "serve until standard input is closed"}
	select {
	case <-p.ended:
		v.What = "the prober ended: " + p.status()
	case <-time.After(Patience):
		v.What = "the prober closed its standard streams and runs on"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		v.What += ", in the middle of a line"
	}
	return v
}

func (p *Program) status() string {
	if p.exit == nil {
		return "exit status 0"
	}
	return p.exit.Error()
}
