package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
)

// labelWidth is the room for the names of lanes.
const labelWidth = 12

// picture is a drawing in the making.
type picture struct {
	shows   *lanes.Picture
	verdict *judge.Verdict
	opts    Options
	unit    time.Duration
	columns int
	used    map[byte]bool // symbols, for the legend
}

func newPicture(l *lanes.Picture, v *judge.Verdict, o Options) *picture {
	p := &picture{shows: l, verdict: v, opts: o, used: map[byte]bool{}}
	length := max(l.End, time.Millisecond)
	room := o.width() - labelWidth - 2
	p.unit = unitFor(length, room)
	p.columns = min(int((length+p.unit-1)/p.unit), room)
	return p
}

// heading is "FAIL case (seed 7)   REQUIREMENTS   1 column = 5s".
func (p *picture) heading() string {
	role := Bad
	if p.verdict.Result == judge.Pass {
		role = Good
	}
	left := fmt.Sprintf("%s (seed %d)", ascii(p.verdict.Case), p.verdict.Seed)
	if list := p.broken(); len(list) > 0 {
		if len(list) > 2 {
			list = append(list[:2], fmt.Sprintf("+%d", len(list)-2))
		}
		left += "   " + strings.Join(list, ", ")
	}
	word := strings.ToUpper(string(p.verdict.Result))
	right := fmt.Sprintf("1 column = %s", oracle.Seconds(p.unit))
	gap := max(p.opts.width()-len(word)-1-len(left)-len(right), 3)
	return p.opts.paint(role, word) + " " + left + strings.Repeat(" ", gap) + p.opts.paint(Faint, right) + "\n"
}

// broken lists the requirements of the failures, each once, in order.
func (p *picture) broken() []string {
	var list []string
	for _, f := range p.verdict.Failures {
		if !slices.Contains(list, f.Requirement) {
			list = append(list, f.Requirement)
		}
	}
	return list
}

// column is the place of an instant, clipped to the picture.
func (p *picture) column(t time.Duration) int {
	if t < 0 {
		return 0
	}
	return min(int(t/p.unit), p.columns-1)
}

// lane is one line of symbols.
type lane struct {
	name  string
	cells []byte
	words bool // not symbols: no colour, no legend
}

func (p *picture) lane(name string, fill byte) *lane {
	l := &lane{name: name, cells: make([]byte, p.columns)}
	for i := range l.cells {
		l.cells[i] = fill
	}
	return l
}

// fill draws symbol over [from, to], both inclusive columns.
func (l *lane) fill(from, to int, symbol byte) {
	for i := max(from, 0); i <= min(to, len(l.cells)-1); i++ {
		l.cells[i] = symbol
	}
}

// write puts text at a column, at most room columns of it.
func (l *lane) write(at, room int, text string) {
	if at >= len(l.cells) {
		return
	}
	copy(l.cells[at:min(at+room, len(l.cells))], text)
}

// lanes draws everything between heading and messages.
func (p *picture) lanes(b *strings.Builder) {
	p.emit(b, p.ruler())
	for i := range p.shows.VMs {
		v := &p.shows.VMs[i]
		if len(p.shows.VMs) > 1 {
			fmt.Fprintf(b, "  %s\n", ascii(v.Name))
		}
		for k := range v.Lanes {
			p.emit(b, p.row(&v.Lanes[k]))
		}
	}
	if l := p.first(); l != nil {
		p.emit(b, l)
	}
	p.legend(b)
}

func (p *picture) emit(b *strings.Builder, l *lane) {
	text := strings.TrimRight(string(l.cells), " ")
	name := l.name
	if len(name) > labelWidth-1 {
		name = name[:labelWidth-1]
	}
	if l.words {
		text = p.opts.paint(Faint, text)
	} else {
		p.note(l)
		text = p.colour(text)
	}
	fmt.Fprintf(b, "  %-*s%s\n", labelWidth, name, text)
}

// note collects the symbols of a lane for the legend.
func (p *picture) note(l *lane) {
	for _, c := range l.cells {
		switch {
		case l.name == "fault" && c != '~': // its name follows the window
		case c >= '0' && c <= '9':
			p.used['1'] = true
		default:
			p.used[c] = true
		}
	}
}

// colour paints runs of symbols of one role.
func (p *picture) colour(text string) string {
	if p.opts.Style == nil {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		k := i
		for k < len(text) && roleOf(text[k]) == roleOf(text[i]) {
			k++
		}
		b.WriteString(p.opts.paint(roleOf(text[i]), text[i:k]))
		i = k
	}
	return b.String()
}

func roleOf(symbol byte) Role {
	switch symbol {
	case '.', '#', 'w':
		return Good
	case 'x', '!', 'k', '*':
		return Bad
	case 'e', '?', '~', 'P', 'M', '=':
		return Odd
	}
	return Plain
}

// ruler names every tenth column.
func (p *picture) ruler() *lane {
	l := p.lane("", ' ')
	l.words = true
	end := 0
	for i := 0; i < p.columns; i += 10 {
		text := oracle.Seconds(time.Duration(i) * p.unit)
		if i >= end && i+1+len(text) <= p.columns {
			l.write(i, len(text)+1, "|"+text)
			end = i + len(text) + 2
		}
	}
	return l
}

// first marks the first divergence.
func (p *picture) first() *lane {
	if len(p.verdict.Failures) == 0 {
		return nil
	}
	l := p.lane("diverges", ' ')
	l.cells[p.column(p.verdict.Failures[0].At)] = '*'
	return l
}

// meanings explains the symbols, in the order of the legend.
var meanings = []struct {
	symbol byte
	text   string
}{
	{'.', "passed"},
	{'w', "passed with a warning"},
	{'x', "failed"},
	{'e', "errored, discarded"},
	{'?', "never ended"},
	{'=', "in flight"},
	{'#', "Ready"},
	{'_', "not Ready"},
	{'-', "container runs"},
	{'1', "instance starts"},
	{'!', "liveness failed"},
	{'k', "killed"},
	{'P', "paused"},
	{'M', "migrates"},
	{'^', "expected: to Ready"},
	{'v', "expected: to not Ready"},
	{'L', "expected: liveness fails"},
	{'~', "fault"},
	{'*', "first divergence"},
}

// legend explains the symbols in use, wrapped to the width.
func (p *picture) legend(b *strings.Builder) {
	line := strings.Repeat(" ", labelWidth)
	start := len(line)
	for _, m := range meanings {
		if !p.used[m.symbol] {
			continue
		}
		entry := fmt.Sprintf("%c %s", m.symbol, m.text)
		if len(line) > start && len(line)+2+len(entry) > p.opts.width()-2 {
			fmt.Fprintf(b, "  %s\n", p.opts.paint(Faint, line))
			line = strings.Repeat(" ", labelWidth)
		}
		if len(line) > start {
			line += "  "
		}
		line += entry
	}
	if len(line) > start {
		fmt.Fprintf(b, "  %s\n", p.opts.paint(Faint, line))
	}
}
