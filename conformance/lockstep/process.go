package lockstep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// Defaults of a Command.
const (
	DefaultTimeout = 10 * time.Second
	stderrTail     = 4 << 10         // bytes of standard error that are kept
	patience       = 2 * time.Second // for a prober whose input was closed to end
)

// Command is a prober that is a program: messages on standard input and
// output, anything on standard error. It gets the environment of this process,
// without the variables that name proxies.
type Command struct {
	// Argv is the program with its arguments; needed.
	Argv []string
	// Timeout is how long a prober may be silent, in wall time; default
	// DefaultTimeout.
	Timeout time.Duration
}

// Start starts the program in a process group of its own. When the context
// ends, the whole group is killed.
func (c Command) Start(ctx context.Context) (Stream, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), in.Close())
	}
	p := &process{
		cmd: exec.Command(c.Argv[0], c.Argv[1:]...), in: in, out: out, //nolint:gosec // the user says what to run
		lines: protocol.NewLines(out, protocol.MaxReply), timeout: c.Timeout, ended: make(chan struct{}),
	}
	if p.timeout <= 0 {
		p.timeout = DefaultTimeout
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
	p.stop = context.AfterFunc(ctx, p.kill)
	return p, nil
}

// process is a prober that runs.
type process struct {
	cmd     *exec.Cmd
	in, out *os.File
	lines   *protocol.Lines
	timeout time.Duration
	stderr  tail
	stop    func() bool
	ended   chan struct{}
	exit    error // once ended
}

// Exchange implements Stream.
func (p *process) Exchange(line []byte) ([]byte, error) {
	deadline := time.Now().Add(p.timeout)
	if err := errors.Join(p.in.SetWriteDeadline(deadline), p.out.SetReadDeadline(deadline)); err != nil {
		return nil, err
	}
	_, unread := p.in.Write(line)
	if unread != nil { // what it says instead tells more
		if err := p.out.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
	}
	answer, err := p.lines.Next()
	switch {
	case err == nil:
		return answer, nil
	case unread != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, p.broken(err, "the prober does not read its standard input")
	}
	return nil, p.broken(err, "")
}

// broken words an error of the streams as what the prober did.
func (p *process) broken(err error, what string) error {
	v := &protocol.Violation{What: what}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		if v.What == "" {
			v.What = fmt.Sprintf("silence: no answer within %s", p.timeout)
		}
		v.Fix = "answer every message with one line, and flush standard output after it"
		return v
	case errors.Is(err, protocol.ErrLine):
		v.What, v.Fix = err.Error(), "a message is one line of JSON; standard error is free for everything else"
		return v
	}
	select {
	case <-p.ended:
		v.What = "the prober ended: " + p.status()
	case <-time.After(patience):
		v.What = "the prober closed its standard streams and runs on"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		v.What += ", in the middle of a line"
	}
	v.Fix = "serve until standard input is closed"
	return v
}

func (p *process) status() string {
	if p.exit == nil {
		return "exit status 0"
	}
	return p.exit.Error()
}

// kill ends the process group.
func (p *process) kill() { killGroup(p.cmd) }

// Close implements Stream: a prober ends when its input is closed, or is
// killed.
func (p *process) Close() error {
	p.stop()
	err := p.in.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
	}
	p.kill()
	<-p.ended
	return errors.Join(err, p.out.Close())
}

// Stderr is the end of what the prober wrote to standard error.
func (p *process) Stderr() string {
	select {
	case <-p.ended: // everything is there
	case <-time.After(50 * time.Millisecond):
	}
	return p.stderr.String()
}

// tail keeps the end of what is written.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-stderrTail):]...)
	if extra := len(t.buf) - stderrTail; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(bytes.ToValidUTF8(t.buf, []byte("?"))))
}

// Pid is the process id of the program.
func (p *process) Pid() int { return p.cmd.Process.Pid }
