package main

import (
	"path/filepath"
	"regexp"
	"strings"
)

// fieldNames are the Go fields of an event; their names on the wire are in
// lower case.
var fieldNames = regexp.MustCompile(`\b(Probe|Attempt|Try|Class|OK|Value|Msg)\b`)

// events lists the kinds of trace events with the comments beside them.
func events(f *facts) (string, error) {
	list, err := constants(filepath.Join(f.root, "sim/trace/event.go"), "Kind", false)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| kind | fields beside `t`, `vm`, `instance` |\n|---|---|\n")
	for _, c := range list {
		text := fieldNames.ReplaceAllStringFunc(c.text, func(f string) string { return code(strings.ToLower(f)) })
		b.WriteString(row(code(c.value), plain(text)))
	}
	return b.String(), nil
}
