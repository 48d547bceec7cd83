package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	kubevirtv1 "kubevirt.io/api/core/v1"
)

// problem is a place in an object that the API type does not admit; an empty
// message means that the type has no such field.
type problem struct{ path, message, help string }

// problems walks decoded JSON beside the API type. KubeVirt's own
// UnmarshalJSON methods decode their part without strictness, so the strict
// decoder of Kubernetes sees nothing below a VMI's spec; this walk does. It
// also tries the values that read their JSON themselves (quantities, times),
// whose errors name no place, and compares the kinds of all others: the
// decoder's errors do not tell which item of a list they mean.
func problems(t reflect.Type, value any, path string) []problem {
	t = pointed(t)
	if opaque(t) {
		return tried(t, value, path)
	}
	if p := mistyped(t, value, path); p != nil {
		return []problem{*p}
	}
	var all []problem
	switch v := value.(type) {
	case []any:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for i, item := range v {
			all = append(all, problems(t.Elem(), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := name
			if path != "" {
				below = path + "." + name
			}
			switch t.Kind() {
			case reflect.Map:
				all = append(all, problems(t.Elem(), v[name], below)...)
			case reflect.Struct:
				ft := fieldType(t, name)
				if ft == nil {
					all = append(all, problem{path: below})
					continue
				}
				all = append(all, problems(ft, v[name], below)...)
			default:
			}
		}
	}
	return all
}

// mistyped tells of a value whose kind the type does not admit. Whether a
// number fits is left to the decoder.
func mistyped(t reflect.Type, value any, path string) *problem {
	kind, admitted := "", []reflect.Kind{}
	switch value.(type) {
	case string:
		kind, admitted = "string", []reflect.Kind{reflect.String}
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return nil // base64
		}
	case bool:
		kind, admitted = "bool", []reflect.Kind{reflect.Bool}
	case []any:
		kind, admitted = "array", []reflect.Kind{reflect.Slice, reflect.Array}
	case map[string]any:
		kind, admitted = "object", []reflect.Kind{reflect.Map, reflect.Struct}
	case float64:
		if reflect.Int <= t.Kind() && t.Kind() <= reflect.Float64 {
			return nil
		}
		kind = "number"
	default:
		return nil // null is nothing
	}
	if t.Kind() == reflect.Interface || slices.Contains(admitted, t.Kind()) {
		return nil
	}
	message, help := wrongType(t, kind)
	return &problem{path, message, help}
}

// tried decodes one self-reading value alone.
func tried(t reflect.Type, value any, path string) []problem {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	if err := json.Unmarshal(text, reflect.New(t).Interface()); err != nil {
		return []problem{{path: path, message: plain(err)}}
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// transparent are the types whose own UnmarshalJSON only cleans up values and
// otherwise follows the struct.
var transparent = []reflect.Type{
	reflect.TypeFor[kubevirtv1.VirtualMachineInstanceSpec](),
	reflect.TypeFor[kubevirtv1.DHCPOptions](),
	reflect.TypeFor[kubevirtv1.PodNetwork](),
}

// opaque tells whether a type reads its JSON itself: quantities, times, ports.
func opaque(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(unmarshaler) && !slices.Contains(transparent, t)
}
