package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		for _, path := range unknownFields(machineTypes[m.Kind], tree, "") {
			d.unknown(doc, m, path)
		}
	}
	for range maxTypeErrors {
		err := kjson.UnmarshalCaseSensitivePreserveInts(text, target)
		if err == nil {
			return
		}
		path, message := typeError(err)
		d.fail(doc, m.source.node, path, message, "")
		if text = without(text, path); text == nil {
			return
		}
	}
}

// typeError words a decoding error without Go's type names.
func typeError(err error) (path, message string) {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return t.Field, fmt.Sprintf("cannot be a %s: it wants %s", t.Value, goKind(t.Type.String()))
	}
	return "", plain(err)
}

func plain(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s cannot be a %s", t.Field, t.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func goKind(name string) string {
	switch name = strings.TrimLeft(name, "*"); {
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"):
		return "a whole number (" + name + ")"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case strings.HasPrefix(name, "map["):
		return "a mapping"
	case name == "string":
		return "a string"
	case strings.Contains(name, "."):
		return "an object of type " + name[strings.LastIndex(name, ".")+1:]
	}
	return name
}

// without removes the value at the path so that the next error can be found;
// nil when it cannot.
func without(text []byte, path string) []byte {
	var root any
	if path == "" || json.Unmarshal(text, &root) != nil {
		return nil
	}
	parts := strings.Split(path, ".")
	at := root
	for i, part := range parts {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		if _, ok := object[part]; !ok {
			return nil
		}
		if i == len(parts)-1 {
			delete(object, part)
		}
		at = object[part]
	}
	rest, err := json.Marshal(root)
	if err != nil {
		return nil
	}
	return rest
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
