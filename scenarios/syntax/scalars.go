package syntax

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func (t *Text) decodeYAML(d *decoder, n *yaml.Node) {
	if s, ok := d.text(n); ok {
		t.S, t.Pos = s, d.pos(n)
	}
}

// NamePattern is the shape of a Name.
const NamePattern = `^[a-z][a-zA-Z0-9]*$`

var nameRE = regexp.MustCompile(NamePattern)

func (t *Name) decodeYAML(d *decoder, n *yaml.Node) {
	s, ok := d.text(n)
	if ok && !nameRE.MatchString(s) {
		d.fail(diag.BadName, n, "write it in camelCase, letters and digits only", "%q is not a name", abbreviate(s))
		return
	}
	t.S, t.Pos = s, d.pos(n)
}

// IdentPattern is the shape of an Ident.
const IdentPattern = `^[a-z0-9]+(-[a-z0-9]+)*$`

var identRE = regexp.MustCompile(IdentPattern)

func (t *Ident) decodeYAML(d *decoder, n *yaml.Node) {
	s, ok := d.text(n)
	if ok && !identRE.MatchString(s) {
		d.fail(diag.BadName, n, "write it in kebab-case", "%q is not a name", abbreviate(s))
		return
	}
	t.S, t.Pos = s, d.pos(n)
}

// A formula may look like a number; its $names are resolved by its parser.
func (t *Formula) decodeYAML(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float" {
		d.wrong(n, "a formula")
		return
	}
	t.S, t.Pos = n.Value, d.pos(n)
}

func (t *Dur) decodeYAML(d *decoder, n *yaml.Node) {
	if v, ok := d.duration(n, false); ok {
		t.D, t.Set = v, true
	}
	t.Pos = d.pos(n)
}

func (t *SignedDur) decodeYAML(d *decoder, n *yaml.Node) {
	if v, ok := d.duration(n, true); ok {
		t.D, t.Set = v, true
	}
	t.Pos = d.pos(n)
}

func (t *Int) decodeYAML(d *decoder, n *yaml.Node) {
	v, ok := d.integer(n)
	switch {
	case ok && v < 0:
		d.fail(diag.OutOfRange, n, "", "%d is negative", v)
	case ok:
		t.N, t.Set = v, true
	}
	t.Pos = d.pos(n)
}

func (t *Variants) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				d.fail(diag.WrongType, item, "give it a label: {label: value}", "expected a plain value, found %s", describe(item))
			}
		}
	case yaml.MappingNode:
		d.pairs(n, func(_, _ *yaml.Node) {})
	default:
		d.wrong(n, "a list of values or a mapping from labels to values")
		return
	}
	t.Values = variantsOf(n)
	if len(n.Content) == 0 {
		d.fail(diag.WrongType, n, "", "expected at least one value")
	}
	seen := map[string]bool{}
	for _, v := range t.Values {
		if seen[v.Label] && n.Kind == yaml.SequenceNode {
			d.fail(diag.Conflict, v.Node, "", "value %q is given twice", v.Label)
		}
		seen[v.Label] = true
	}
}

// CountPattern is the end of a counted item: " x3" or " ...".
const CountPattern = ` (x[1-9][0-9]*|\.\.\.)$`

var countRE = regexp.MustCompile(CountPattern)

// counted splits "ITEM x3" and "ITEM ..."; times 0: for ever.
func counted(s string) (item string, times int, ok bool) {
	suffix := countRE.FindString(s)
	if suffix == "" {
		return s, 1, !strings.Contains(s, " ")
	}
	item = strings.TrimRight(strings.TrimSuffix(s, suffix), " ")
	if suffix == " ..." {
		return item, 0, true
	}
	times, err := strconv.Atoi(suffix[2:])
	return item, times, err == nil && times <= 1_000_000
}

func (t *ClassRun) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	s, ok := d.text(n)
	if !ok {
		return
	}
	item, times, ok := counted(s)
	class := map[string]probes.Class{"S": probes.Success, "W": probes.Warning, "F": probes.Failure, "E": probes.Errored}[item]
	if !ok || class == probes.NoClass {
		d.fail(diag.BadReply, n, `write "S", "F x3" or "E ..."`, "%q is not a run of classes", abbreviate(s))
	}
	t.Class, t.Times = class, times
}

func (t *CountRun) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!str" {
		d.wrong(n, "a number of tries")
		return
	}
	s := d.vars.expand(n.Value)
	item, times, ok := counted(s)
	number, err := strconv.Atoi(item)
	if !ok || err != nil || number < 1 || number > 1000 {
		d.fail(diag.BadReply, n, `write 1, "1 x3" or "3 ..."`, "%q is not a number of tries", abbreviate(s))
		return
	}
	t.N, t.Times = number, times
}

func (t *ACPI) decodeYAML(d *decoder, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		var m ACPIDelay
		d.mapping(n, reflect.ValueOf(&m).Elem())
		t.Delay = m.Delay
		return
	}
	if s, ok := d.text(n); ok && s != "ignore" {
		d.fail(diag.UnknownValue, n, `expected "ignore" or {delay: 5s}`, "unknown value %q", abbreviate(s))
		return
	}
	t.Ignore = true
}

func (t *HistoryItem) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	if n.Kind == yaml.MappingNode {
		t.Change = &Change{}
		d.mapping(n, reflect.ValueOf(t.Change).Elem())
		return
	}
	t.Initial = new(bool)
	d.scalar(n, reflect.ValueOf(t.Initial).Elem())
}

func (t *Restarts) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	if n.Kind != yaml.SequenceNode {
		if s, ok := d.text(n); ok && s != "none" {
			d.fail(diag.UnknownValue, n, `expected "none" or a list of windows`, "unknown value %q", abbreviate(s))
		}
		t.None = true
		return
	}
	for i, item := range n.Content {
		item, ok := d.enter(item)
		if !ok {
			continue
		}
		if item.Kind == yaml.ScalarNode && item.Value == "more" {
			t.More = true
			if i != len(n.Content)-1 {
				d.fail(diag.Conflict, item, "", `"more" is only allowed at the end`)
			}
			continue
		}
		var w When
		d.value(item, reflect.ValueOf(&w).Elem())
		t.Windows = append(t.Windows, w)
	}
}

func (t *PhaseItem) decodeYAML(d *decoder, n *yaml.Node) {
	t.Pos = d.pos(n)
	if n.Kind != yaml.MappingNode {
		d.enum(n, reflect.ValueOf(&t.To).Elem(), t.To.Values())
		return
	}
	var c PhaseChange
	d.mapping(n, reflect.ValueOf(&c).Elem())
	t.To, t.When = c.To, &c.When
}

var connectWords = []string{"refused", "blackhole", "unaccepted"}

func (t *Connect) decodeYAML(d *decoder, n *yaml.Node) {
	t.Set = true
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		s := d.vars.expand(n.Value)
		if slices.Contains(connectWords, s) {
			t.How = fakevm.Connect(s)
			return
		}
		if len(s) > 0 && (s[0] < '0' || s[0] > '9') && s[0] != '-' {
			d.fail(diag.UnknownValue, n, diag.DidYouMean(s, connectWords), "unknown value %q", abbreviate(s))
			return
		}
	}
	t.Delay.decodeYAML(d, n)
}

func (t *Times) decodeYAML(d *decoder, n *yaml.Node) {
	t.Set = true
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "..." {
		return
	}
	i, ok := d.integer(n)
	if ok && (i < 1 || i > 1_000_000) {
		d.fail(diag.OutOfRange, n, "", "%d is out of range: 1 to 1000000", i)
		return
	}
	t.N = int(i)
}

var endType = reflect.TypeFor[fakevm.End]()

// EndValues are the ends of a connection.
var EndValues = []string{"fin", "reset", "open"}

// FakeVMEnums are the values of the enumerated plain strings of package
// fakevm, by field.
var FakeVMEnums = map[string][]string{
	"framing":     {"length", "chunked", "none", "badchunk", "nolastchunk"},
	"endless":     {"headers", "body", "interim"},
	"certificate": {"expired", "wrongname"},
}
