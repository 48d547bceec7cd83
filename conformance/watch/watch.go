package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// Config says what is watched.
type Config struct {
	URI     string
	Domain  string // its name
	Alias   string // what it may be called as well; may be empty
	Address string // of the guest; empty: agent or lease tell it
	Profile probes.Profile
	Probes  []probes.Probe
	// Act destroys and starts the domain when a liveness probe has failed.
	Act bool
	Out io.Writer // transitions, one a line
	// Metrics gets what is counted; nil: nobody wants it.
	Metrics *Metrics
	// Open connects to libvirt; virt.Open in production.
	Open func(uri string, listen func(virt.Event)) (virt.Conn, error)
}

// ErrSetUp says that the domain cannot be watched as it is; its text says why
// and what to do.
var ErrSetUp = errors.New("cannot watch")

// redial is how long to wait before a daemon that has gone is asked again.
const redial = time.Second

// Run watches until ctx is done, which is no error.
func Run(ctx context.Context, cfg Config) error {
	w := &watcher{cfg: cfg, began: time.Now(), ready: make(chan struct{})}
	ready := sync.OnceFunc(func() { close(w.ready) })
	defer ready()
	conn, err := cfg.Open(cfg.URI, w.heard)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSetUp, virt.Explain(cfg.URI, err))
	}
	w.set(conn)
	defer w.end()
	if err := w.find(); err != nil {
		return err
	}
	w.say("watching domain %s%s", w.cfg.Domain, w.at())
	if err := w.begin(ctx); err != nil {
		return err
	}
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.connection().Closed():
			w.say("libvirt has gone; reconnecting to %s", cfg.URI)
			w.reconnect(ctx)
		}
	}
}

// watcher is one watch.
type watcher struct {
	cfg     Config
	began   time.Time
	address string
	ready   chan struct{} // closed when events may be acted on
	probing

	mu   sync.Mutex // guards conn
	conn virt.Conn
	out  sync.Mutex
}

func (w *watcher) connection() virt.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn
}

func (w *watcher) set(c virt.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
}

// say writes a line with the time since the beginning, in seconds.
func (w *watcher) say(format string, args ...any) {
	w.out.Lock()
	defer w.out.Unlock()
	fmt.Fprintf(w.cfg.Out, "%9.3fs  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// reconnect tries until the daemon is there or ctx is done.
func (w *watcher) reconnect(ctx context.Context) {
	_ = w.connection().Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(redial):
		}
		conn, err := w.cfg.Open(w.cfg.URI, w.heard)
		if err != nil {
			continue
		}
		w.set(conn)
		w.say("connected again")
		d, err := conn.Lookup(w.cfg.Domain)
		if err != nil {
			w.say("domain %s: %v", w.cfg.Domain, err)
			w.stopped()
			return
		}
		defer d.Close()
		if state, _, err := d.State(); err == nil && active(state) {
			w.started()
		} else {
			w.stopped()
		}
		return
	}
}

func active(s guestagent.RunState) bool {
	return s == guestagent.Running || s == guestagent.Blocked || s == guestagent.Paused || s == guestagent.PMSuspended
}

// heard acts on events of the domain. Those of others are none of ours. What
// comes before the workers are there waits for them.
func (w *watcher) heard(e virt.Event) {
	<-w.ready
	if e.Domain != w.cfg.Domain || w.driver == nil {
		return
	}
	switch {
	case e.Kind == virt.AgentPort && e.Code == virt.AgentConnected:
		w.say("guest agent connected")
	case e.Kind == virt.AgentPort:
		w.say("guest agent disconnected")
	case e.Kind == virt.Reboot:
		w.say("domain was reset")
	case e.Kind == virt.Watchdog:
		w.say("domain's watchdog has expired: %s", virt.WatchdogAction(e.Code))
	case e.Code == virt.Started:
		w.say("domain started")
		w.started()
	case e.Code == virt.Stopped:
		w.say("domain stopped")
		w.stopped()
	case e.Code == virt.Suspended:
		w.say("domain paused")
	case e.Code == virt.Resumed:
		w.say("domain runs")
	case e.Code == virt.Crashed:
		w.say("domain crashed")
	}
}

// act does what a liveness failure asks for.
func (w *watcher) act() {
	w.say("liveness failed: the domain is destroyed and started")
	d, err := w.connection().Lookup(w.cfg.Domain)
	if err == nil {
		defer d.Close()
		if err = d.Destroy(); err == nil {
			err = d.Start()
		}
	}
	if err != nil {
		w.say("the domain could not be replaced: %v", err)
	}
}
