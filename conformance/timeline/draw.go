package timeline

import (
	"strings"

	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/probes"
)

// row turns a lane into a line of symbols.
func (p *picture) row(l *lanes.Lane) *lane {
	switch l.Kind {
	case lanes.Guest:
		return p.guest(l)
	case lanes.Fault:
		return p.fault(l)
	case lanes.Paused:
		return p.spans(l, 'P')
	case lanes.Migration:
		return p.spans(l, 'M')
	case lanes.Probe:
		return p.probe(l)
	case lanes.Ready:
		return p.ready(l)
	case lanes.Live:
		return p.live(l)
	case lanes.Expect:
		return p.expected(l)
	}
	return p.lane(l.Name, ' ')
}

// guest has "|" where a step begins, and its words.
func (p *picture) guest(g *lanes.Lane) *lane {
	l := p.lane(g.Name, ' ')
	l.words = true
	for i, s := range g.Spans {
		next := p.columns
		if i+1 < len(g.Spans) {
			next = p.column(g.Spans[i+1].From)
		}
		column := p.column(s.From)
		l.cells[column] = '|'
		l.write(column+1, max(next-column-1, 0), s.Text)
	}
	return l
}

// fault has a band with its kind behind it.
func (p *picture) fault(f *lanes.Lane) *lane {
	l := p.spans(f, '~')
	for _, s := range f.Spans {
		l.write(p.column(s.To)+1, p.columns, " "+ascii(s.Text))
	}
	return l
}

func (p *picture) spans(s *lanes.Lane, symbol byte) *lane {
	l := p.lane(s.Name, ' ')
	for _, s := range s.Spans {
		l.fill(p.column(s.From), p.column(s.To), symbol)
	}
	return l
}

// probe has a symbol for each attempt, where it starts, and '=' while it
// lasts. In a column of many attempts the worst one shows.
func (p *picture) probe(attempts *lanes.Lane) *lane {
	l := p.lane(attempts.Name, ' ')
	worst := func(column int, symbol byte) {
		const order = " =.w?ex"
		if strings.IndexByte(order, symbol) > strings.IndexByte(order, l.cells[column]) {
			l.cells[column] = symbol
		}
	}
	for _, a := range attempts.Attempts {
		for i := p.column(a.Start) + 1; a.Ended && i <= p.column(a.End); i++ {
			worst(i, '=')
		}
		worst(p.column(a.Start), symbolOf(a))
	}
	return l
}

func symbolOf(a lanes.Attempt) byte {
	if !a.Ended {
		return '?'
	}
	switch a.Class {
	case probes.Success:
		return '.'
	case probes.Warning:
		return 'w'
	case probes.Failure:
		return 'x'
	default:
		return 'e'
	}
}

// ready shows the Ready condition.
func (p *picture) ready(r *lanes.Lane) *lane {
	l := p.lane(r.Name, '_')
	for _, s := range r.Spans {
		symbol := byte('_')
		if s.On {
			symbol = '#'
		}
		l.fill(p.column(s.From), p.columns, symbol)
	}
	return l
}

// live shows containers, verdicts and kills.
func (p *picture) live(v *lanes.Lane) *lane {
	l := p.spans(v, '-')
	for _, s := range v.Spans {
		if s.Text != "" {
			l.cells[p.column(s.From)] = s.Text[len(s.Text)-1]
		}
	}
	for _, m := range v.Marks {
		symbol := byte('k')
		if m.What == lanes.LivenessFailed {
			symbol = '!'
		}
		l.cells[p.column(m.At)] = symbol
	}
	return l
}

// expected shows the windows of the case.
func (p *picture) expected(e *lanes.Lane) *lane {
	l := p.lane(e.Name, ' ')
	for _, w := range e.Spans {
		symbol := byte('v')
		switch {
		case w.Text == "live":
			symbol = 'L'
		case w.On:
			symbol = '^'
		}
		l.fill(p.column(w.From), p.column(w.To), symbol)
	}
	return l
}
