package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress shows how far a long run is: one line rewritten on a terminal, a
// line a few seconds apart elsewhere, nothing at all for a short run.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	started  time.Time
	last     time.Time
	shown    bool
	what     string // is counted
}

const (
	progressGrace    = 300 * time.Millisecond // a shorter run shows nothing
	progressTerminal = 100 * time.Millisecond
	progressPlain    = 5 * time.Second // without a terminal, also the grace
)

func newProgress(w io.Writer, lookup lookupEnv) *progress {
	now := time.Now()
	return &progress{w: w, terminal: isTerminal(w, lookup), started: now, last: now, what: "runs"}
}

// isTerminal tells whether w is a terminal that can rewrite a line.
func isTerminal(w io.Writer, lookup lookupEnv) bool {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	kind, _ := lookup("TERM")
	return kind != "dumb"
}

// step is called after each job, from any goroutine.
func (p *progress) step(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	every := progressPlain
	if p.terminal {
		every = progressTerminal
	}
	if now.Sub(p.started) < progressGrace || now.Sub(p.last) < every {
		return
	}
	p.last, p.shown = now, true
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%d of %d %s", done, total, p.what)
		return
	}
	fmt.Fprintf(p.w, "%d of %d %s\n", done, total, p.what)
}

// clear removes the line from a terminal.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// useColor decides on --color for one stream.
func useColor(mode string, w io.Writer, lookup lookupEnv) (bool, error) {
	switch mode {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		if value, ok := lookup("NO_COLOR"); ok && value != "" {
			return false, nil
		}
		return isTerminal(w, lookup), nil
	}
	return false, usagef("--color %q: want auto, always or never", mode)
}
