package html

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/probes"
)

// figure is the drawing of one VM. Positions across are in thousandths of the
// length of the run, heights in pixels: the drawing is as wide as its place,
// and only widths scale. Shapes must therefore be told apart by their heights.
type figure struct {
	Name   string // of the VM, when there are several
	Label  string // the same in words
	Height int
	Names  []label
	Ticks  []tick
	Grid   string // lines below the ticks, as a path
	Bands  []band
	Paths  []path
	Glyphs []glyph
	// Flag is the place of the first divergence, nil when it is elsewhere.
	Flag *flag
}

type (
	label struct {
		Y    int
		Text string
	}
	tick struct {
		X    mille
		Text string
		Last bool
	}
	band struct {
		Class      string
		X, W       mille
		Y, H, Base int
		Text       string // clipped to the band
		Title      string
	}
	path  struct{ Class, D string }
	glyph struct {
		Class, Text, Title string
		X                  mille
		Y                  int
	}
	flag struct {
		X    mille
		Y    int
		Text string
		Left bool // the words stand left of the line
	}
)

// mille is a place across in thousandths.
type mille int

// String is the place in percent, as SVG wants it.
func (m mille) String() string {
	if m%10 == 0 {
		return strconv.Itoa(int(m/10)) + "%"
	}
	return fmt.Sprintf("%d.%d%%", m/10, m%10)
}

const (
	rulerHeight = 18
	flagHeight  = 18
)

// height of a lane of each kind.
func height(k lanes.Kind) int {
	switch k {
	case lanes.Guest:
		return 21
	case lanes.Probe:
		return 26
	case lanes.Ready, lanes.Live:
		return 19
	case lanes.Expect:
		return 15
	case lanes.Fault, lanes.Paused, lanes.Migration:
		return 19
	}
	return 19
}

// figures draws every VM of a case.
func figures(c *Case) []*figure {
	if c.Picture == nil {
		return nil
	}
	var list []*figure
	for i := range c.Picture.VMs {
		d := drawing{end: max(c.Picture.End, time.Millisecond), figure: &figure{Height: rulerHeight}}
		v := &c.Picture.VMs[i]
		if len(c.Picture.VMs) > 1 {
			d.Name = v.Name
		}
		d.ruler()
		for _, l := range inOrder(v.Lanes) {
			d.lane(l)
		}
		if len(c.Failures) > 0 && (c.Failures[0].VM == v.Name || c.Failures[0].VM == "" && i == 0) {
			d.flag(&c.Failures[0])
		}
		d.Grid = d.grid()
		d.Label = strings.Join(append([]string{v.Name + ", " + oracle.Seconds(c.Picture.End)}, d.words...), "; ")
		list = append(list, d.figure)
	}
	return list
}

// inOrder puts the windows of an expectation under the lane that they are
// about.
func inOrder(list []lanes.Lane) []*lanes.Lane {
	windows := map[string]*lanes.Lane{}
	for i := range list {
		if list[i].Kind == lanes.Expect {
			windows[list[i].Spans[0].Text] = &list[i]
		}
	}
	var out []*lanes.Lane
	for i := range list {
		if list[i].Kind == lanes.Expect {
			continue
		}
		out = append(out, &list[i])
		if w := windows[list[i].Name]; w != nil && (list[i].Kind == lanes.Ready || list[i].Kind == lanes.Live) {
			out = append(out, w)
		}
	}
	return out
}

// drawing is a figure in the making.
type drawing struct {
	*figure
	end   time.Duration
	words []string
}

func (d *drawing) at(t time.Duration) mille {
	return mille(min(max(int64(t)*1000/int64(d.end), 0), 1000))
}

// span is the place and the width of a span, at least one thousandth.
func (d *drawing) span(s lanes.Span) (x, w mille) {
	x = d.at(s.From)
	return x, max(d.at(s.To)-x, 1)
}

// steps are the distances that the ruler may have, in seconds.
func steps() []time.Duration {
	return []time.Duration{1, 2, 5, 10, 20, 30, 50, 60, 100, 200, 300, 500, 600, 1000, 2000, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}
}

// ruler has at most six marks.
func (d *drawing) ruler() {
	step := time.Duration(0)
	for _, s := range steps() {
		if step = s * time.Second; d.end/step <= 6 {
			break
		}
	}
	for d.end/step > 6 {
		step *= 2
	}
	for t := time.Duration(0); t < d.end; t += step {
		x := d.at(t)
		if x > 960 {
			break
		}
		d.Ticks = append(d.Ticks, tick{X: x, Text: oracle.Seconds(t), Last: x > 900})
	}
}

// grid is the lines under the marks of the ruler, once the height is known.
func (d *drawing) grid() string {
	var lines strings.Builder
	for _, t := range d.Ticks {
		fmt.Fprintf(&lines, "M%d 4V%d", t.X, d.Height)
	}
	return lines.String()
}

func (d *drawing) lane(l *lanes.Lane) {
	y, h := d.Height, height(l.Kind)
	d.Height += h
	if l.Kind != lanes.Expect {
		d.Names = append(d.Names, label{y + h/2 + 4, l.Name})
	}
	switch l.Kind {
	case lanes.Guest:
		d.bands(l, "g", y, h, func(s lanes.Span) string { return s.Text + " from " + oracle.Seconds(s.From) })
	case lanes.Fault:
		d.bands(l, "x", y, h, func(s lanes.Span) string { return between(s.Text, s) })
	case lanes.Paused, lanes.Migration:
		d.bands(l, "x", y, h, func(s lanes.Span) string { return between(l.Name, s) })
	case lanes.Probe:
		d.attempts(l, y, h)
	case lanes.Ready:
		d.ready(l, y, h)
	case lanes.Live:
		d.live(l, y, h)
	case lanes.Expect:
		d.expect(l, y, h)
	}
}

func between(what string, s lanes.Span) string {
	return fmt.Sprintf("%s from %s to %s", what, oracle.Seconds(s.From), oracle.Seconds(s.To))
}

func (d *drawing) bands(l *lanes.Lane, class string, y, h int, title func(lanes.Span) string) {
	for _, s := range l.Spans {
		x, w := d.span(s)
		text := s.Text
		if w < 12 {
			text = ""
		}
		d.Bands = append(d.Bands, band{Class: class, X: x, W: w, Y: y + 2, H: h - 4, Base: h/2 + 2, Text: text, Title: title(s)})
	}
}

// ready has a band where the VM is Ready and a line where it is not.
func (d *drawing) ready(l *lanes.Lane, y, h int) {
	var line strings.Builder
	var words []string
	for _, s := range l.Spans {
		x, w := d.span(s)
		if !s.On {
			fmt.Fprintf(&line, "M%d %dh%d", x, y+h-4, w)
			continue
		}
		d.Bands = append(d.Bands, band{Class: "r", X: x, W: w, Y: y + 2, H: h - 4, Title: between("Ready", s)})
		words = append(words, fmt.Sprintf("from %s to %s", oracle.Seconds(s.From), oracle.Seconds(s.To)))
	}
	if line.Len() > 0 {
		d.Paths = append(d.Paths, path{"o", line.String()})
	}
	switch n := len(words); {
	case n == 0:
		d.words = append(d.words, "never Ready")
	case n > 4:
		d.words = append(d.words, fmt.Sprintf("Ready %d times, at first %s", n, words[0]))
	default:
		d.words = append(d.words, "Ready "+strings.Join(words, ", "))
	}
}

// live has a bar for each container, and letters for verdicts and kills.
func (d *drawing) live(l *lanes.Lane, y, h int) {
	for _, s := range l.Spans {
		x, w := d.span(s)
		title := between(strings.TrimSpace("container "+s.Text), s)
		d.Bands = append(d.Bands, band{Class: "c", X: x, W: w, Y: y + 4, H: h - 8, Base: h/2 - 1, Text: s.Text, Title: title})
	}
	for _, m := range l.Marks {
		text, class := "✕", "k"
		if m.What == lanes.LivenessFailed {
			text, class = "!", "k v"
		}
		title := string(m.What) + " at " + oracle.Seconds(m.At)
		d.Glyphs = append(d.Glyphs, glyph{Class: class, Text: text, Title: title, X: d.at(m.At), Y: y + h/2 + 5})
		if len(d.words) < 12 {
			d.words = append(d.words, title)
		}
	}
}

// expect has a box for each window, over its own lane and the one above.
func (d *drawing) expect(l *lanes.Lane, y, h int) {
	for _, s := range l.Spans {
		x, w := d.span(s)
		above := height(lanes.Ready)
		text, what := "▲", "to Ready"
		switch {
		case s.Text == "live":
			text, what = "!", "liveness fails"
		case !s.On:
			text, what = "▼", "to not Ready"
		}
		title := fmt.Sprintf("expected: %s in [%s, %s]", what, oracle.Seconds(s.From), oracle.Seconds(s.To))
		d.Bands = append(d.Bands, band{Class: "w", X: x, W: w, Y: y - above, H: above + h - 2, Title: title})
		d.Glyphs = append(d.Glyphs, glyph{Class: "n", Text: text, X: x + w/2, Y: y + h - 4})
	}
}

// flag marks the first divergence.
func (d *drawing) flag(f *Failure) {
	x := d.at(time.Duration(f.Nanos))
	d.Height += flagHeight
	d.Flag = &flag{X: x, Y: d.Height - 5, Text: "first divergence " + f.At, Left: x > 600}
}

// shape is how an attempt is drawn, from the top of its lane of 26 pixels: all
// strokes are vertical, so that the width of the drawing changes none.
type shape struct {
	class, word string
	top, bottom int
	strokes     string // from (x, top) to (x, bottom)
}

// shapeOf gives the shape of an attempt: short for a success, short with a dot
// for a warning, tall for a failure, tall and broken for an error, dotted when
// it did not end.
func shapeOf(a lanes.Attempt) int {
	switch {
	case !a.Ended:
		return 4
	case a.Class == probes.Success:
		return 0
	case a.Class == probes.Warning:
		return 1
	case a.Class == probes.Failure:
		return 2
	}
	return 3
}

func shapes() []shape {
	return []shape{
		{"s", "passed", 10, 22, "v12"},
		{"a", "passed with a warning", 4, 22, "v3m0 3v12"},
		{"f", "failed", 2, 24, "v22"},
		{"e", "errored, discarded", 2, 24, "v9m0 4v9"},
		{"u", "never ended", 4, 22, "v4m0 3v4m0 3v4"},
	}
}

// attempts draws all attempts of one shape as one path.
func (d *drawing) attempts(l *lanes.Lane, y, h int) {
	list := shapes()
	paths := make([]strings.Builder, len(list))
	counts := make([]int, len(list))
	last := make([]mille, len(list))
	var flight strings.Builder
	busy := mille(-1)
	for _, a := range l.Attempts {
		k := shapeOf(a)
		s, x := list[k], d.at(a.Start)
		counts[k]++
		if end := d.at(a.End); a.Ended && end > x && x > busy {
			fmt.Fprintf(&flight, "M%d %dh%d", x, y+h-10, end-x)
			busy = end
		}
		switch {
		case counts[k] == 1:
			fmt.Fprintf(&paths[k], "M%d %d%s", x, y+s.top, s.strokes)
		case x != last[k]:
			fmt.Fprintf(&paths[k], "m%d %d%s", x-last[k], s.top-s.bottom, s.strokes)
		}
		last[k] = x
	}
	if flight.Len() > 0 {
		d.Paths = append(d.Paths, path{"i", flight.String()})
	}
	var words []string
	for k := range list {
		if counts[k] > 0 {
			d.Paths = append(d.Paths, path{list[k].class, paths[k].String()})
			words = append(words, fmt.Sprintf("%d %s", counts[k], list[k].word))
		}
	}
	if words == nil {
		words = []string{"no attempt"}
	}
	d.words = append(d.words, l.Name+": "+strings.Join(words, ", "))
}

// key is an entry of the legend.
type key struct{ Class, D, Word string }

func legend() []key {
	var list []key
	for _, s := range shapes() {
		list = append(list, key{s.class, fmt.Sprintf("M9 %d%s", s.top, s.strokes), s.word})
	}
	return append(list, key{"i", "M2 16h14", "in flight"})
}
