package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Sources gives the text of the files that positions point into, by
// Pos.File. Nil or unknown files render without an excerpt.
type Sources map[string][]byte

// maxLine is the number of characters of a source line that are shown.
const maxLine = 160

// WriteText renders a list for people: the place first, so that editors can
// parse it, then the source line, carets and help, then the notes.
func WriteText(w io.Writer, list List, sources Sources) error {
	var b strings.Builder
	for i, d := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeOne(&b, d, sources[d.Pos.File])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeOne(b *strings.Builder, d Diagnostic, source []byte) {
	fmt.Fprintf(b, "%s\n", d)
	line, ok := lineOf(source, d.Pos.Line)
	if !ok {
		if d.Help != "" {
			fmt.Fprintf(b, "  = help: %s\n", d.Help)
		}
		writeNotes(b, "  ", d)
		return
	}
	number := fmt.Sprintf("%4d", d.Pos.Line)
	gutter := strings.Repeat(" ", len(number))
	col, end := clampSpan(line, d.Pos)
	text, shift := excerpt(line, col)
	fmt.Fprintf(b, "%s |\n%s | %s\n", gutter, number, text)
	if d.Pos.Col > 0 {
		width := min(end, shift+1+utf8.RuneCountInString(text)) - col
		fmt.Fprintf(b, "%s | %s%s", gutter, strings.Repeat(" ", col-1-shift), strings.Repeat("^", max(width, 1)))
		if d.Help != "" {
			fmt.Fprintf(b, " %s", d.Help)
		}
		b.WriteByte('\n')
	} else if d.Help != "" {
		fmt.Fprintf(b, "%s = help: %s\n", gutter, d.Help)
	}
	writeNotes(b, gutter+" ", d)
}

func writeNotes(b *strings.Builder, indent string, d Diagnostic) {
	for _, n := range d.Notes {
		fmt.Fprintf(b, "%s= note: %s\n", indent, n)
	}
	fmt.Fprintf(b, "%s= explain: vmprobe explain %s\n", indent, d.Code)
}

// lineOf is the n-th line of a text, tabs shown as one blank each so that
// carets stay below their text, other controls as "?".
func lineOf(source []byte, n int) (string, bool) {
	if n < 1 || len(source) == 0 {
		return "", false
	}
	rest := string(source)
	for i := 1; i < n; i++ {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return "", false
		}
		rest = after
	}
	line, _, _ := strings.Cut(rest, "\n")
	line = strings.TrimPrefix(strings.TrimSuffix(line, "\r"), "\ufeff")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			return '?'
		}
		return r
	}, line), true
}

// clampSpan gives the span of the carets, inside the line or just behind it.
func clampSpan(line string, p Pos) (col, end int) {
	n := utf8.RuneCountInString(line)
	col = min(max(p.Col, 1), n+1)
	end = p.EndCol
	if end <= col {
		end = col + 1
	}
	return col, min(end, n+2)
}

// excerpt cuts a long line around the caret. shift is the number of
// characters dropped in front.
func excerpt(line string, col int) (text string, shift int) {
	runes := []rune(line)
	if len(runes) <= maxLine {
		return line, 0
	}
	shift = max(0, min(col-1-maxLine/2, len(runes)-maxLine))
	return string(runes[shift:min(len(runes), shift+maxLine)]), shift
}

// WriteGitHub renders workflow commands, which GitHub shows as annotations
// at the lines of a change.
func WriteGitHub(w io.Writer, list List) error {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "::%s ", d.Severity)
		if d.Pos.File != "" {
			fmt.Fprintf(&b, "file=%s,", property(d.Pos.File))
		}
		if d.Pos.Line > 0 {
			fmt.Fprintf(&b, "line=%d,", d.Pos.Line)
		}
		if d.Pos.Col > 0 {
			fmt.Fprintf(&b, "col=%d,", d.Pos.Col)
		}
		if d.Pos.EndCol > d.Pos.Col {
			fmt.Fprintf(&b, "endColumn=%d,", d.Pos.EndCol)
		}
		msg := d.Message
		if d.Help != "" {
			msg += " (" + d.Help + ")"
		}
		msg = strings.Join(append([]string{msg}, d.Notes...), "\n")
		fmt.Fprintf(&b, "title=%s::%s\n", property(string(d.Code)), data(msg))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var (
	dataEscaper     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscaper = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return dataEscaper.Replace(s) }
func property(s string) string { return propertyEscaper.Replace(s) }

// WriteJSON renders the list as one JSON array, [] when empty.
func WriteJSON(w io.Writer, list List) error {
	if list == nil {
		list = List{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}
