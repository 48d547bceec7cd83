package lockstep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vmprobe/vmprobe/conformance/program"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// DefaultTimeout is that of a Command.
const DefaultTimeout = 10 * time.Second

// Command is a prober that is a program.
type Command struct {
	// Argv is the program with its arguments; needed.
	Argv []string
	// Timeout is how long a prober may be silent, in wall time; default
	// DefaultTimeout.
	Timeout time.Duration
}

// Start starts the program. When the context ends, it is killed with all that
// it started.
func (c Command) Start(ctx context.Context) (Stream, error) {
	running, err := program.Start(ctx, c.Argv)
	if err != nil {
		return nil, err
	}
	p := &process{Program: running, lines: protocol.NewLines(running.Out, protocol.MaxReply), timeout: c.Timeout}
	if p.timeout <= 0 {
		p.timeout = DefaultTimeout
	}
	return p, nil
}

// process is a prober that runs.
type process struct {
	*program.Program
	lines   *protocol.Lines
	timeout time.Duration
}

// Exchange implements Stream.
func (p *process) Exchange(line []byte) ([]byte, error) {
	deadline := time.Now().Add(p.timeout)
	if err := errors.Join(p.In.SetWriteDeadline(deadline), p.Out.SetReadDeadline(deadline)); err != nil {
		return nil, err
	}
	_, unread := p.In.Write(line)
	if unread != nil { // what it says instead tells more
		if err := p.Out.SetReadDeadline(time.Now().Add(program.Patience)); err != nil {
			return nil, err
		}
	}
	answer, err := p.lines.Next()
	switch {
	case err == nil:
		return answer, nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return nil, p.Broken(err)
	}
	v := &protocol.Violation{
		What: fmt.Sprintf("silence: no answer within %s", p.timeout),
		Fix:  "answer every message with one line, and flush standard output after it",
	}
	if unread != nil {
		v.What = "the prober does not read its standard input"
	}
	return nil, v
}
