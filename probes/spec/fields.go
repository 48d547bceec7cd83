package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	kubevirtv1 "kubevirt.io/api/core/v1"
)

// unknownFields walks decoded JSON beside the API type and lists the paths
// that the type does not have. KubeVirt's own UnmarshalJSON methods decode
// their part without strictness, so the strict decoder of Kubernetes sees
// nothing below a VMI's spec; this walk does.
func unknownFields(t reflect.Type, value any, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if opaque(t) {
		return nil
	}
	var all []string
	switch v := value.(type) {
	case []any:
		if t.Kind() != reflect.Slice {
			return nil // a wrong type is another error
		}
		for i, item := range v {
			all = append(all, unknownFields(t.Elem(), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := name
			if path != "" {
				below = path + "." + name
			}
			switch t.Kind() {
			case reflect.Map:
				all = append(all, unknownFields(t.Elem(), v[name], below)...)
			case reflect.Struct:
				ft := fieldType(t, name)
				if ft == nil {
					all = append(all, below)
					continue
				}
				all = append(all, unknownFields(ft, v[name], below)...)
			default:
			}
		}
	}
	return all
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
