package syntax

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func (d *decoder) isMapping(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping")
		return false
	}
	return true
}

func (d *decoder) wrong(n *yaml.Node, want string) {
	help := ""
	if want == "text" && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		help = fmt.Sprintf("write %q", n.Value)
	}
	d.fail(diag.WrongType, n, help, "expected %s, found %s", want, describe(n))
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default: // a scalar
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	case "!!str":
		return fmt.Sprintf("the text %q", abbreviate(n.Value))
	}
	return "a " + n.Tag
}

func abbreviate(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}

// text is the string of a scalar, its $names replaced.
func (d *decoder) text(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.wrong(n, "text")
		return "", false
	}
	return d.vars.expand(n.Value), true
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *decoder) scalar(n *yaml.Node, v reflect.Value) {
	if v.Type() == durationType {
		if dur, ok := d.duration(n, false); ok {
			v.SetInt(int64(dur))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := d.text(n)
		if ok {
			if v.Type() == endType && !slices.Contains(EndValues, s) {
				d.fail(diag.UnknownValue, n, diag.DidYouMean(s, EndValues), "unknown value %q", s)
				return
			}
			v.SetString(s)
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.wrong(n, "true or false")
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int, reflect.Int32, reflect.Int64:
		i, ok := d.integer(n)
		switch {
		case !ok:
		case v.OverflowInt(i) || i < 0:
			d.fail(diag.OutOfRange, n, "", "%d is out of range", i)
		default:
			v.SetInt(i)
		}
	default:
		panic(fmt.Sprintf("syntax: no decoder for %s", v.Type()))
	}
}

func (d *decoder) integer(n *yaml.Node) (int64, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
		d.wrong(n, "a whole number")
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil {
		d.fail(diag.OutOfRange, n, "", "%s is out of range", abbreviate(n.Value))
		return 0, false
	}
	return i, true
}

// MaxDuration bounds every duration of a file, so that sums cannot overflow:
// ten years.
const MaxDuration = 10 * 366 * 24 * time.Hour

var (
	bareNumber  = regexp.MustCompile(`^-?[0-9.]+$`)
	durationPat = regexp.MustCompile(`^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)
)

func (d *decoder) duration(n *yaml.Node, signed bool) (time.Duration, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!bool" {
		d.wrong(n, "a duration such as 10s")
		return 0, false
	}
	s := d.vars.expand(n.Value)
	if bareNumber.MatchString(s) {
		d.fail(diag.NoUnit, n, fmt.Sprintf("write %ss", s), "duration %s has no unit", s)
		return 0, false
	}
	v, err := time.ParseDuration(s)
	switch {
	case !durationPat.MatchString(s) || err != nil:
		d.fail(diag.BadDuration, n, "write it as 10s, 300ms or 1m30s", "%q is not a duration", abbreviate(s))
	case v < 0 && !signed:
		d.fail(diag.BadDuration, n, "", "duration %s is negative", s)
	case v > MaxDuration || v < -MaxDuration:
		d.fail(diag.OutOfRange, n, "", "duration %s is out of range: at most %s", s, MaxDuration)
	default:
		return v, true
	}
	return 0, false
}
