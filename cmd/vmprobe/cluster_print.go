package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// printCluster prints a status for people.
func printCluster(w io.Writer, s *cluster.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("cluster", s.Name)
	row("state", string(s.State))
	row("cause", s.Cause)
	if s.State == cluster.Running || s.State == cluster.Starting {
		row("provider", strings.TrimSpace(s.Provider+" "+string(s.Tier)))
		row("kubeconfig", s.Kubeconfig)
		row("server", s.Server)
		row("node", s.Node)
		row("guest image", s.GuestImage)
		row("KubeVirt API", s.KubeVirtAPI)
		row("KubeVirt", s.KubeVirt)
		for _, c := range s.Components {
			row(c.Name, fmt.Sprintf("process %d, log %s", c.PID, c.Log))
		}
	}
	return t.Flush()
}

// stages shows what a command that takes minutes is doing: the line of a stage
// is written when it begins, and again now and then while it lasts.
type stages struct {
	w        io.Writer
	terminal bool
	last     string
	shown    time.Time
}

func newStages(w io.Writer, env lookupEnv) *stages {
	return &stages{w: w, terminal: isTerminal(w, env)}
}

// stageEvery is how often a line is repeated that is no news, without a terminal.
const stageEvery = 30 * time.Second

func (p *stages) tell(what string, since time.Duration) {
	line := what
	if since >= time.Second {
		line = fmt.Sprintf("%s, %d s", what, int(since.Seconds()))
	}
	switch {
	case p.terminal && what == p.last:
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	case p.terminal:
		p.end()
		fmt.Fprint(p.w, line)
	case what != p.last || time.Since(p.shown) >= stageEvery:
		fmt.Fprintln(p.w, line)
		p.shown = time.Now()
	}
	p.last = what
}

// end ends the line of a terminal.
func (p *stages) end() {
	if p.terminal && p.last != "" {
		fmt.Fprintln(p.w)
	}
}
