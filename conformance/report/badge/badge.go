// Package badge writes the verdict of a report in one line: as JSON for the
// endpoint badge of shields.io, and as an SVG that needs no service. What was
// not run or is exempt is said, never hidden.
package badge

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// Badge is a label and a message on a coloured ground.
type Badge struct {
	Version int    `json:"schemaVersion"` // of the endpoint's schema: 1
	Label   string `json:"label"`
	Message string `json:"message"` // "57/58, 1 exempt"
	Color   string `json:"color"`   // "#1a7f37"
	IsError bool   `json:"isError,omitempty"`
}

// Of gives the badge of a report.
func Of(r *report.Report) Badge {
	b := Badge{Version: 1, Label: "vmprobe " + r.Tool.Requirements}
	b.Label = strings.TrimSpace(b.Label)
	count := func(res judge.Result) int { return len(r.Results(res)) }
	total := len(r.Results(judge.Results()...))
	b.Message = fmt.Sprintf("%d/%d", count(judge.Pass), total)
	for _, res := range judge.Results() {
		if n := count(res); n > 0 && res != judge.Pass {
			b.Message += fmt.Sprintf(", %d %s", n, res)
		}
	}
	if r.Run.Interrupted {
		b.Message += ", interrupted"
	}
	if r.Run.Shard != "all" {
		b.Message += ", shard " + r.Run.Shard
	}
	switch r.Result() {
	case report.Conformant:
		b.Color = "#1a7f37"
	case report.Partial:
		b.Color = "#9a6700"
	case report.NonConformant:
		b.Color = "#c4202b"
	default:
		b.Color, b.IsError = "#7a3ec8", true
	}
	return b
}

// Formats lists the formats.
func Formats() []string { return []string{"json", "svg"} }

// Write writes the badge in a format.
func Write(format string, w io.Writer, b Badge) error {
	if format == "svg" {
		return writeSVG(w, b)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}

var picture = template.Must(template.New("badge").Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="20" role="img" aria-label="{{.Label}}: {{.Message}}">
<title>{{.Label}}: {{.Message}}</title>
<clipPath id="r"><rect width="{{.Width}}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{{.Left}}" height="20" fill="#444"/><rect x="{{.Left}}" width="{{.Right}}" height="20" fill="{{.Color}}"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="6" y="14" textLength="{{.LabelLength}}">{{.Label}}</text><text x="{{.At}}" y="14" textLength="{{.MessageLength}}">{{.Message}}</text></g>
</svg>
`))

func writeSVG(w io.Writer, b Badge) error {
	left, right := width(b.Label), width(b.Message)
	return picture.Execute(w, struct {
		Badge
		Width, Left, Right, At     int
		LabelLength, MessageLength int
	}{b, left + right + 24, left + 12, right + 12, left + 18, left, right})
}

// width is about the width of a text in pixels: textLength makes it exact.
func width(s string) int {
	n := 0
	for _, c := range s {
		switch {
		case strings.ContainsRune("il.,:/ ", c):
			n += 4
		case strings.ContainsRune("mw", c):
			n += 10
		default:
			n += 7
		}
	}
	return n
}
