// Command docs writes the generated parts of the README files: indexes of
// scenarios, requirements, diagnostics, fields, trace events and dependencies,
// and the numbers that the README quotes. A part stands between two comments:
//
//	<!-- generated: NAME -->
//	...
//	<!-- end -->
//
// With -check nothing is written; the exit code is 1 when a file is stale. It
// runs in the root of the module.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// The schema comes first: the field reference is made of it.
//
//go:generate go -C ../.. run ./hack/schema
//go:generate go -C ../.. run ./hack/docs

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a file is stale")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run renews the files below root, or tells which are stale.
func run(root string, check bool) error {
	made, err := render(root)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range made {
		switch {
		case p.old == p.text:
		case check:
			errs = append(errs, fmt.Errorf("%s is stale: run go run ./hack/docs", p.name))
		default:
			errs = append(errs, os.WriteFile(filepath.Join(root, p.name), []byte(p.text), 0o644))
		}
	}
	return errors.Join(errs...)
}

// page is a file before and after.
type page struct{ name, old, text string }

// render makes every file anew, without writing it.
func render(root string) ([]page, error) {
	f, err := collect(root)
	if err != nil {
		return nil, err
	}
	var pages []page
	var errs []error
	for _, file := range files() {
		old, err := os.ReadFile(filepath.Join(root, file.name))
		if err != nil {
			return nil, err
		}
		parts := map[string]string{}
		for _, p := range file.parts {
			text, err := p.make(f)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", file.name, p.name, err))
			}
			parts[p.name] = text
		}
		text, err := replace(string(old), parts)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file.name, err))
		}
		pages = append(pages, page{file.name, string(old), text})
	}
	return pages, errors.Join(errs...)
}

// file is a README with generated parts.
type file struct {
	name  string
	parts []part
}

// part makes the text between one pair of markers.
type part struct {
	name string
	make func(*facts) (string, error)
}

func files() []file {
	return []file{
		{"README.md", []part{{"proves", proves}, {"speed", speed}, {"dependencies", dependencies}}},
		{"scenarios/README.md", []part{{"fields", fields}, {"diagnostics", diagnostics}, {"cases", cases}}},
		{"conformance/README.md", []part{{"packages", packages("conformance")}, {"coverage", coverage}, {"oracle", oracleRules}, {"testbed", testbed}, {"requirements", requirementIndex}}},
		{"conformance/protocol/README.md", []part{
			{"events", protocolWords("request.go", "Happening", "event")},
			{"actions", protocolWords("reply.go", "Verb", "action")},
			{"outcomes", protocolWords("request.go", "Outcome", "outcome")},
			{"messages", protocolFields},
		}},
		{"conformance/adapters/README.md", []part{{"trouble", whyFailed}}},
		{"conformance/known/README.md", []part{{"codes", knownCodes}}},
		{"hack/README.md", []part{{"programs", packages("hack")}}},
		{"sim/trace/README.md", []part{{"events", events}}},
	}
}
