// Package timeline draws a run as text: what the guest did, what each probe
// made of it, what became of the VM and what was expected, one column per unit
// of time, one lane under the other. It is what an author sees first when a
// case fails. The output is plain ASCII, whatever the trace holds.
package timeline

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Role says what a piece of text means, for colours.
type Role uint8

// The roles of text.
const (
	Plain Role = iota
	Good       // a success, a ready VM, a passed case
	Bad        // a failure
	Odd        // an error, a warning, a fault
	Faint      // rulers and legends
)

// Style decorates a piece of text; nil leaves it plain. It must not change
// what is visible.
type Style func(r Role, text string) string

// Options of a drawing.
type Options struct {
	// Width of the whole in columns; 0 means 100, bounds 60 to 400.
	Width int
	Style Style
	// MaxFailures bounds the messages; 0 means 3.
	MaxFailures int
	// Replay is the command that draws the run again; empty: the verdict's.
	Replay string
}

func (o Options) paint(r Role, s string) string {
	if o.Style == nil || s == "" || r == Plain {
		return s
	}
	return o.Style(r, s)
}

func (o Options) width() int {
	if o.Width == 0 {
		return 100
	}
	return min(max(o.Width, 60), 400)
}

// Draw gives the whole picture of one run: heading, lanes, legend, messages.
func Draw(c *scenarios.Case, t *trace.Trace, v *judge.Verdict, o Options) string {
	var b strings.Builder
	p := newPicture(lanes.Of(c, t), v, o)
	b.WriteString(p.heading())
	if v.Title != "" {
		fmt.Fprintf(&b, "  %s\n", ascii(v.Title))
	}
	if v.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", ascii(v.Reason))
	}
	if len(t.Events) == 0 {
		b.WriteString("  nothing happened: the trace has no events\n")
	} else {
		p.lanes(&b)
	}
	b.WriteString(Messages(v, o))
	return b.String()
}

// Messages gives the block under a picture: each failure, what was wanted,
// and how to see it again.
func Messages(v *judge.Verdict, o Options) string {
	var b strings.Builder
	most := o.MaxFailures
	if most <= 0 {
		most = 3
	}
	for i, f := range v.Failures {
		if i == most {
			fmt.Fprintf(&b, "  ...     and %d more\n", len(v.Failures)-most)
			break
		}
		who := strings.TrimSpace(f.VM + " " + f.Probe)
		if who != "" {
			who += ": "
		}
		fmt.Fprintf(&b, "  %-7s %s%s  (%s)\n", oracle.Seconds(f.At), ascii(who), o.paint(Bad, ascii(f.Message)), f.Requirement)
		if f.Want != "" {
			want := f.Want
			if f.Window != "" && !strings.Contains(want, f.Window) {
				want += " in " + f.Window
			}
			fmt.Fprintf(&b, "  %-7s %s\n", "want", ascii(want))
		}
	}
	if v.Result != judge.Pass {
		fmt.Fprintf(&b, "  %s %s\n", "replay:", ascii(cmp.Or(o.Replay, v.Replay())))
	}
	return b.String()
}

// ascii makes any text one printable line.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r == '\u2192':
			return '>'
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, s)
}

// units are the lengths that a column may have.
func units() []time.Duration {
	list := []time.Duration{time.Millisecond}
	for _, u := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		for _, n := range []time.Duration{1, 2, 5} {
			if next := n * u; next > list[len(list)-1] {
				list = append(list, next)
			}
		}
	}
	return append(list, 10*24*time.Hour, 100*24*time.Hour)
}

// unitFor is the smallest unit by which the length fits the columns.
func unitFor(length time.Duration, columns int) time.Duration {
	list := units()
	for _, u := range list {
		if (length+u-1)/u <= time.Duration(columns) {
			return u
		}
	}
	return list[len(list)-1]
}
