package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	markBegin = "<!-- generated: "
	markClose = " -->"
	markEnd   = "<!-- end -->"
)

// replace puts each part between its markers. Every part must have a place,
// every place a part.
func replace(text string, parts map[string]string) (string, error) {
	var out strings.Builder
	missing := maps.Clone(parts)
	inside := ""
	for n, line := range slices.Collect(strings.SplitAfterSeq(text, "\n")) {
		trimmed := strings.TrimSpace(line)
		name, begins := strings.CutPrefix(trimmed, markBegin)
		switch {
		case begins && inside != "":
			return "", fmt.Errorf("line %d: %q begins inside %q", n+1, name, inside)
		case begins:
			name = strings.TrimSuffix(name, markClose)
			part, ok := missing[name]
			if !ok {
				return "", fmt.Errorf("line %d: no part is called %q, or it has two places", n+1, name)
			}
			delete(missing, name)
			inside = name
			out.WriteString(line + "\n" + strings.Trim(part, "\n") + "\n\n")
		case trimmed == markEnd && inside == "":
			return "", fmt.Errorf("line %d: an end without a beginning", n+1)
		case trimmed == markEnd:
			inside = ""
			out.WriteString(line)
		case inside == "":
			out.WriteString(line)
		}
	}
	if inside != "" {
		return "", fmt.Errorf("%q has no end", inside)
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("no place for %s", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return out.String(), nil
}

// row is one line of a table.
func row(cells ...string) string {
	for i, c := range cells {
		c = strings.ReplaceAll(strings.Join(strings.Fields(c), " "), "|", `\|`)
		cells[i] = c
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// plain keeps text from being read as HTML.
func plain(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func code(s string) string { return "`" + s + "`" }
