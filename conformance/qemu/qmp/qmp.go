// Package qmp speaks QEMU's machine protocol over a unix socket: commands, one
// at a time, and events.
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Event is something that QEMU tells by itself.
type Event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// Error is QEMU's refusal of a command.
type Error struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// Error implements error.
func (e *Error) Error() string { return e.Desc }

// ErrClosed says that QEMU, or the connection to it, is gone.
var ErrClosed = errors.New("qmp: QEMU has gone")

// Client is a connection to one QEMU.
type Client struct {
	conn   net.Conn
	events func(Event)
	one    sync.Mutex // a command at a time
	reply  chan reply
	gone   chan struct{}
}

type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *Error          `json:"error"`
	Event
}

// New greets the QEMU at the other end of a connection. events is called for
// each event, in order, from one goroutine; it must not run commands.
func New(ctx context.Context, conn net.Conn, events func(Event)) (*Client, error) {
	if events == nil {
		events = func(Event) {}
	}
	c := &Client{conn: conn, events: events, reply: make(chan reply), gone: make(chan struct{})}
	go c.read()
	if _, err := c.Run(ctx, "qmp_capabilities", nil); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// read takes replies and events until the connection ends.
func (c *Client) read() {
	defer close(c.gone)
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			return
		}
		switch {
		case r.Name != "":
			c.events(r.Event)
		case r.Return != nil || r.Error != nil:
			c.reply <- r
		} // else the greeting
	}
}

// patience bounds a command whose context has no deadline.
const patience = 10 * time.Second

// Run runs a command; args is what JSON makes of it, nil: none. The error is an
// *Error when QEMU refuses. After the context's end the client is of no use.
func (c *Client) Run(ctx context.Context, command string, args any) (json.RawMessage, error) {
	c.one.Lock()
	defer c.one.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrClosed, command, err)
	}
	select {
	case r := <-c.reply:
		if r.Error != nil {
			return nil, fmt.Errorf("qmp: %s: %w", command, r.Error)
		}
		return r.Return, nil
	case <-c.gone:
		return nil, fmt.Errorf("%w: %s", ErrClosed, command)
	case <-ctx.Done():
		_ = c.conn.Close()
		go func() { // the reader may still have the reply
			select {
			case <-c.reply:
			case <-c.gone:
			}
		}()
		return nil, fmt.Errorf("qmp: %s: %w", command, ctx.Err())
	}
}

// Gone is closed when QEMU is gone and its last event was told.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Close ends the connection; QEMU goes on.
func (c *Client) Close() error { return c.conn.Close() }
