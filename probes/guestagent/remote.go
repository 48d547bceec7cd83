package guestagent

import (
	"bytes"
	"encoding/json"
	"time"
)

// Commander sends agent commands in the stead of libvirt.
type Commander interface {
	// Begin sends a command: one JSON object, or what libvirt would refuse to
	// parse. inner is libvirt's wait for each step, limit the end of
	// everything.
	Begin(env Env, command string, inner time.Duration, limit time.Time) Pending
}

// Pending is a command under way.
type Pending interface {
	// Wait waits for the end of the command and tells whether it came before
	// the instant. It may be called again, by another task.
	Wait(env Env, until time.Time) (reply []byte, err *Error, done bool)
}

// NewRemoteChannel makes a channel on which somebody else sends the commands.
func NewRemoteChannel(c Commander) *Channel { return &Channel{remote: c} }

// Command sends one command as libvirt does and waits for its end (GA-ORDER):
// the text of a JSON object, libvirt's wait for each step, and the end of
// everything. The reply is one line.
func Command(env Env, d Domain, ch *Channel, text string, inner time.Duration, limit time.Time) (reply []byte, err *Error) {
	x := &exchange{d: d, ch: ch, wait: waits{cut: far, inner: inner, limit: limit}}
	x.start(executed(text), commandLine([]byte(text)))
	x.run(env, far)
	if x.err != nil {
		return nil, x.err
	}
	return bytes.Clone(x.w.line), nil
}

// Far is later than any deadline: a limit that does not bind.
func Far() time.Time { return far }

// executed is the name of the command in its text.
func executed(text string) string {
	var c struct {
		Execute string `json:"execute"`
	}
	if json.Unmarshal([]byte(text), &c) != nil {
		return ""
	}
	return c.Execute
}

// runRemote is run when somebody else sends the command.
func (x *exchange) runRemote(env Env, until time.Time) bool {
	if x.pending == nil {
		text := bytes.TrimSuffix(x.cmd, []byte("\n"))
		x.pending = x.ch.remote.Begin(env, string(text), x.wait.inner, x.wait.limit)
	}
	reply, err, done := x.pending.Wait(env, until)
	if !done {
		return false
	}
	x.w.line, x.err = append(x.w.line[:0], reply...), err
	x.phase, x.pending = ended, nil
	return true
}
