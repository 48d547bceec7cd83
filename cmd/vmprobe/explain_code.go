package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// explainCode prints the long form of a diagnostic.
func explainCode(w io.Writer, code diag.Code) error {
	e, ok := diag.Explain(string(code))
	if !ok {
		return usagef("%s has no explanation", code)
	}
	_, err := fmt.Fprintf(w, "%s (%s): %s\n\n%s\n\nWrong:\n%s\nRight:\n%s",
		e.Code, e.Severity, e.Title, wrap(e.Text, 90), indent(e.Failing), indent(e.Fixed))
	return err
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString("  " + line)
	}
	return b.String()
}
