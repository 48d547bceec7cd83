package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/requirements"
)

// explainRequirement prints one rule, its source and who tests it.
func explainRequirement(w io.Writer, r requirements.Requirement) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", r.ID, r.Level, r.Title, wrap(r.Statement, 90))
	section := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%-10s %s\n", name, strings.ReplaceAll(wrap(text, 79), "\n", "\n           "))
		}
	}
	section("Tolerance", r.Tolerance)
	section("Handler", r.Handler)
	var profiles []string
	for _, p := range r.Profiles {
		profiles = append(profiles, string(p))
	}
	section("Profiles", strings.Join(profiles, ", "))
	section("Guide", strings.Join(r.Guide, ", "))
	section("Source", strings.Join(r.Source, "\n"))
	section("Excluded", r.Excluded)
	tested, err := testedBy(r.ID)
	if err != nil {
		return err
	}
	if len(tested) == 0 && r.Excluded == "" {
		tested = []string{"no embedded scenario names it"}
	}
	section("Tested by", strings.Join(tested, "\n"))
	_, err = io.WriteString(w, b.String())
	return err
}

// testedBy lists the embedded scenarios that name a requirement.
func testedBy(id string) ([]string, error) {
	files, err := load(nil, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, l := range files {
		if l.Diags.HasErrors() {
			continue
		}
		list, _ := l.File.Cases(nil)
		if len(list) > 0 && slices.Contains(list[0].Requirements, id) {
			names = append(names, list[0].Scenario+": "+list[0].Title)
		}
	}
	return names, nil
}

// wrap breaks a text into lines of at most width characters; line breaks in
// it stay.
func wrap(text string, width int) string {
	var out []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
