package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// fieldNames are the Go fields of an event; their names on the wire are in
// lower case.
var fieldNames = regexp.MustCompile(`\b(Probe|Attempt|Try|Class|OK|Value|Msg)\b`)

// events lists the kinds of trace events with the comments beside them.
func events(f *facts) (string, error) {
	texts, err := commentsOf(filepath.Join(f.root, "sim/trace/event.go"), "VMICreated")
	if err != nil {
		return "", err
	}
	kinds := trace.Kinds()
	if len(texts) != len(kinds) {
		return "", fmt.Errorf("%d kinds of events, %d constants", len(kinds), len(texts))
	}
	var b strings.Builder
	b.WriteString("| kind | fields beside `t`, `vm`, `instance` |\n|---|---|\n")
	for i, k := range kinds {
		text := fieldNames.ReplaceAllStringFunc(texts[i], func(f string) string { return code(strings.ToLower(f)) })
		b.WriteString(row(code(k.String()), plain(text)))
	}
	return b.String(), nil
}
