package virt

import (
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// launcherWait is how long libvirt waits by itself. Whoever wants to wait so
// long passes nothing on, as KubeVirt's launcher does.
const launcherWait = 5 * time.Second

// Agent sends commands to the guest agent of a domain, which is looked up by
// its name each time, as the launcher does. It implements guestagent.Commander.
type Agent struct {
	conn func() Conn
	name string

	mu      sync.Mutex
	seconds int // of the response timeout that was set
}

// NewAgent makes an Agent; conn gives the connection that is in use.
func NewAgent(conn func() Conn, name string) *Agent { return &Agent{conn: conn, name: name} }

// Begin implements guestagent.Commander: libvirt is asked by a goroutine, as no
// call of it can be cancelled. It keeps the lock of the domain's agent as long
// as it takes. An inner wait of other than five seconds becomes the response
// timeout of the domain.
func (a *Agent) Begin(env guestagent.Env, command string, inner time.Duration, limit time.Time) guestagent.Pending {
	c := &call{done: make(chan struct{}), limit: limit}
	env.Go(func(guestagent.Env) {
		defer close(c.done)
		reply, err := a.ask(command, inner)
		c.reply, c.err = []byte(reply), AgentError(err)
	})
	return c
}

func (a *Agent) ask(command string, inner time.Duration) (string, error) {
	d, err := a.conn().Lookup(a.name)
	if err != nil {
		return "", err
	}
	defer d.Close()
	if inner == launcherWait {
		return d.Agent(command, AgentDefault)
	}
	// Whole seconds only. Without a response timeout a guest-sync waits for
	// five seconds, whatever the command's.
	seconds := int((inner + time.Second - 1) / time.Second)
	if err := a.bound(d, seconds); err != nil {
		return "", err
	}
	return d.Agent(command, seconds)
}

// bound sets the response timeout of the domain.
func (a *Agent) bound(d Domain, seconds int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seconds == seconds {
		return nil
	}
	err := d.SetAgentTimeout(seconds)
	if err == nil {
		a.seconds = seconds
	}
	return err
}

// Status is what libvirt knows of the domain: the fields Exists, Active, State
// and Reason.
func (a *Agent) Status() (guestagent.Status, error) {
	d, err := a.conn().Lookup(a.name)
	if NoDomain(err) {
		return guestagent.Status{}, nil
	}
	if err != nil {
		return guestagent.Status{Exists: true}, err
	}
	defer d.Close()
	state, reason, err := d.State()
	active := state != guestagent.NoState && state != guestagent.ShutOff && state != guestagent.Crashed
	return guestagent.Status{Exists: true, Active: active, State: state, Reason: reason}, err
}

// call is a command under way. It implements guestagent.Pending.
type call struct {
	done  chan struct{}
	limit time.Time
	reply []byte
	err   *guestagent.Error
}

// Wait implements guestagent.Pending.
func (c *call) Wait(_ guestagent.Env, until time.Time) ([]byte, *guestagent.Error, bool) {
	last := c.limit.Before(until)
	if last {
		until = c.limit
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-c.done:
		return c.reply, c.err, true
	case <-timer.C:
	}
	if last {
		return nil, guestagent.NewError(guestagent.AgentUnresponsive, "Guest agent not available for now"), true
	}
	return nil, nil, false
}
