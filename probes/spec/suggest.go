package spec

import (
	"reflect"
	"strings"
)

// nearest returns the candidate within two edits of the word (one for words
// of up to four letters), or "". The first of equals wins.
func nearest(word string, candidates []string) string {
	limit := 2
	if len(word) <= 4 {
		limit = 1
	}
	best := ""
	for _, c := range candidates {
		if strings.EqualFold(c, word) {
			return c
		}
		if d := distance(strings.ToLower(word), strings.ToLower(c), limit); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is the edit distance with transpositions; anything above the limit
// is limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}

// fieldNames lists the JSON fields that the API type has where path points to,
// in the order of the type's declaration.
func fieldNames(t reflect.Type, path []string) []string {
	for _, step := range path {
		t = pointed(t)
		switch {
		case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
			t = t.Elem()
		case t.Kind() != reflect.Struct || strings.HasPrefix(step, "["):
			return nil
		default:
			if t = fieldType(t, step); t == nil {
				return nil
			}
		}
	}
	if t = pointed(t); t.Kind() != reflect.Struct {
		return nil
	}
	return names(t)
}

func names(t reflect.Type) []string {
	var all []string
	for f := range t.Fields() {
		name, inline := jsonName(f)
		if inline {
			all = append(all, names(pointed(f.Type))...)
		} else if name != "" {
			all = append(all, name)
		}
	}
	return all
}

// fieldType is the type of a struct's JSON field, nil when it has none.
func fieldType(t reflect.Type, step string) reflect.Type {
	for f := range t.Fields() {
		name, inline := jsonName(f)
		if inline {
			if found := fieldType(pointed(f.Type), step); found != nil {
				return found
			}
		} else if name == step && name != "" {
			return f.Type
		}
	}
	return nil
}

func jsonName(f reflect.StructField) (name string, inline bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return "", false
	}
	return name, name == "" && (f.Anonymous || strings.Contains(options, "inline")) &&
		pointed(f.Type).Kind() == reflect.Struct
}

func pointed(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
