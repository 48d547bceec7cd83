package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"
)

// maxTypeErrors bounds how often a document is decoded again to find the next
// value of a wrong type.
const maxTypeErrors = 50

// strict decodes the object and reports every unknown field and every value
// of a wrong type.
func (d *decoder) strict(doc *document, m *Machine, text []byte, target any) {
	var tree any
	if json.Unmarshal(text, &tree) == nil {
		for _, p := range problems(machineTypes[m.Kind], tree, "") {
			if p.message == "" {
				d.unknown(doc, m, p.path)
				continue
			}
			d.fail(doc, m.source.node, p.path, p.message, p.help)
			if text = without(text, p.path); text == nil {
				return
			}
		}
	}
	for range maxTypeErrors {
		err := kjson.UnmarshalCaseSensitivePreserveInts(text, target)
		if err == nil {
			return
		}
		path, message, help := typeError(err)
		d.fail(doc, m.source.node, path, message, help)
		if text = without(text, path); text == nil {
			return
		}
	}
}

// typeError words a decoding error without Go's type names.
func typeError(err error) (path, message, help string) {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "", plain(err), ""
	}
	message, help = wrongType(t.Type, t.Value)
	return t.Field, message, help
}

// wrongType words that a JSON value of this kind is given where the type is
// wanted.
func wrongType(t reflect.Type, value string) (message, help string) {
	wants := kindName(t)
	switch {
	case wants == "a string" && value == "bool":
		help = "YAML reads true, false, y, n, yes, no, on and off as true or false: quote it"
	case wants == "a string" && strings.HasPrefix(value, "number"):
		help = "quote it"
	}
	return fmt.Sprintf("cannot be %s: it wants %s", article(value), wants), help
}

func plain(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("cannot be %s", article(t.Value))
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func article(word string) string {
	switch word[:min(1, len(word))] {
	case "a", "o":
		return "an " + word
	}
	return "a " + word
}

func kindName(t reflect.Type) string {
	t = pointed(t)
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "a mapping"
	case reflect.Struct:
		return "an object (" + t.Name() + ")"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number (" + t.Kind().String() + ")"
	}
}

// without removes the value at the path so that the next error can be found;
// nil when it cannot.
func without(text []byte, path string) []byte {
	var root any
	if path == "" || json.Unmarshal(text, &root) != nil {
		return nil
	}
	if !remove(root, steps(path)) {
		return nil
	}
	rest, err := json.Marshal(root)
	if err != nil {
		return nil
	}
	return rest
}

// remove deletes a mapping's entry, or empties a list's.
func remove(at any, path []string) bool {
	for i, step := range path {
		last := i == len(path)-1
		switch v := at.(type) {
		case map[string]any:
			if _, ok := v[step]; !ok {
				return false
			}
			if last {
				delete(v, step)
			}
			at = v[step]
		case []any:
			n, err := strconv.Atoi(strings.TrimPrefix(step, "["))
			if err != nil || n < 0 || n >= len(v) {
				return false
			}
			if last {
				v[n] = nil
			}
			at = v[n]
		default:
			return false
		}
	}
	return true
}

// onlyKubernetes are the probe fields of pods that KubeVirt does not have: a
// finding rather than a misspelling (VAL-NO-GRPC-KV).
var onlyKubernetes = []string{"grpc", "terminationGracePeriodSeconds", "startupProbe"}

func (d *decoder) unknown(doc *document, m *Machine, path string) {
	at := strings.LastIndexByte(path, '.')
	parent, name := path[:max(at, 0)], path[at+1:]
	if m.Pod == nil && slices.Contains(onlyKubernetes, name) &&
		(strings.HasSuffix(parent, "Probe") || name == "startupProbe") {
		m.findings = append(m.findings, Finding{
			Severity: Rejects, Requirement: "VAL-NO-GRPC-KV", Path: path, By: ByAPIServer,
			Message: fmt.Sprintf("strict decoding error: unknown field %q", path),
			Note:    "KubeVirt's probes have exec, guestAgentPing, httpGet and tcpSocket only; without strict field validation the field is dropped",
		})
		return
	}
	near := nearest(name, fieldNames(machineTypes[m.Kind], steps(parent)))
	d.fail(doc, m.source.node, path, "unknown field", didYouMean(near))
}
