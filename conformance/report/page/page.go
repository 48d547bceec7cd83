// Package page is what all HTML pages of vmprobe have in common: one file that
// needs no network, no other file and no script, in light and dark, on paper
// and on a phone. It brings the head with its content security policy, the
// colours, the switch between light and dark, and the landmarks; callers bring
// what is between them.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.css
var style string

//go:embed page.html
var text string

var layout = template.Must(template.New("page").Parse(text))

// Page is one HTML document.
type Page struct {
	// Title is the title of the document.
	Title string
	// Note stands beside the name of the program at the top: what the page is.
	Note string
	// Style is added to the style sheet of all pages, Script is the only
	// script of the page; empty: none. Both are the caller's own text, never
	// user input, and the policy of the page lets no other style or script
	// run: style attributes and event handlers have no effect.
	Style, Script string
	// Body writes what is inside of <main>. It must escape what it writes, as
	// html/template does.
	Body func(io.Writer) error
}

// Write writes the document. The same page gives the same bytes.
func (p Page) Write(w io.Writer) error {
	css := strings.TrimSpace(style + p.Style)
	js := strings.TrimSpace(p.Script)
	data := struct {
		Title, Note, Policy string
		Style, Script       template.HTML
	}{
		Title: p.Title, Note: p.Note, Policy: policy(css, js),
		// Both are files of this program, and hashes of the policy are over
		// their exact bytes: the template must not touch them.
		Style: template.HTML("<style>" + css + "</style>"), //nolint:gosec // own text
	}
	if js != "" {
		data.Script = template.HTML("<script>" + js + "</script>") //nolint:gosec // own text
	}
	for _, part := range []func() error{
		func() error { return layout.ExecuteTemplate(w, "before", data) },
		func() error { return p.Body(w) },
		func() error { return layout.ExecuteTemplate(w, "after", data) },
	} {
		if err := part(); err != nil {
			return fmt.Errorf("write page %q: %w", p.Title, err)
		}
	}
	return nil
}

// policy forbids everything but the style and the script of the page.
func policy(css, js string) string {
	rules := []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "style-src " + source(css)}
	if js != "" {
		rules = append(rules, "script-src "+source(js))
	}
	return strings.Join(rules, "; ")
}

func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
