package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// switchboard is the name under which woven files import package active.
const switchboard = "mutation__"

// weave writes the source of a file with all its mutants in it, each behind
// the switch. Sites nest: what a mutant puts in the place of a site is
// original text, what it leaves alone holds the sites inside.
func weave(f *sourceFile, sites []*site) ([]byte, error) {
	var own []*site
	for _, s := range sites {
		if s.file == f && (len(s.variants) > 0 || s.kind == labelSite || s.kind == tagSite) {
			own = append(own, s)
		}
	}
	slices.SortFunc(own, func(a, b *site) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(depth(a), depth(b)))
	})
	w := weaver{text: f.text, sites: own}
	var out bytes.Buffer
	w.until(&out, 0, len(f.text))
	woven := out.String()
	clause := "package " + f.tree.Name.Name
	woven = strings.Replace(woven, "\n"+clause+"\n",
		"\n"+clause+"\n\nimport "+switchboard+" \""+module+"/hack/mutation/active\"\n", 1)
	if !strings.Contains(woven, switchboard+" \"") { // the clause is the first line
		woven = strings.Replace(woven, clause+"\n",
			clause+"\n\nimport "+switchboard+" \""+module+"/hack/mutation/active\"\n", 1)
	}
	woven += "\nvar _ = " + switchboard + ".None\n"
	pretty, err := format.Source([]byte(woven))
	if err != nil {
		return []byte(woven), fmt.Errorf("woven %s: %w", f.name, err)
	}
	return pretty, nil
}

// depth orders sites of the same extent, the outer one first.
func depth(s *site) int {
	switch s.kind {
	case stmtSite, simpleSite:
		return 0
	case tagSite, labelSite:
		return 1
	case exprSite:
	}
	return 2
}

type weaver struct {
	text  []byte
	sites []*site // those not yet woven, outer ones first
}

// until writes the text between two offsets with the sites in it.
func (w *weaver) until(out *bytes.Buffer, from, to int) {
	for len(w.sites) > 0 && w.sites[0].start < to {
		s := w.sites[0]
		w.sites = w.sites[1:]
		out.Write(w.text[from:s.start])
		var inner bytes.Buffer
		w.until(&inner, s.start, s.end)
		out.WriteString(s.wrap(inner.String()))
		from = s.end
	}
	out.Write(w.text[from:to])
}

// wrap puts the variants of a site before its text.
func (s *site) wrap(inner string) string {
	at := switchboard + ".Mutant"
	var b strings.Builder
	switch s.kind {
	case exprSite:
		fmt.Fprintf(&b, "func() %s {\nswitch %s {\n", s.typ, at)
		for _, v := range s.variants {
			fmt.Fprintf(&b, "case %d:\nreturn %s\n", v.mutant, v.text)
		}
		s.survey(&b, "case "+switchboard+".Survey:\n")
		fmt.Fprintf(&b, "}\nreturn %s\n}()", inner)
	case stmtSite, simpleSite:
		if s.kind == simpleSite {
			b.WriteString("func() {\n")
		}
		fmt.Fprintf(&b, "if on__ := %s; ", at) // a name that the source does not have
		for _, v := range s.variants {
			fmt.Fprintf(&b, "on__ == %d {\n%s\n} else if ", v.mutant, v.text)
		}
		b.WriteString("true {\n")
		s.survey(&b, "if on__ == "+switchboard+".Survey {\n")
		fmt.Fprintf(&b, "}\n%s\n}", inner)
		if s.kind == simpleSite {
			b.WriteString("\n}()")
		}
	case tagSite: // it moves into the cases
	case labelSite:
		fmt.Fprintf(&b, "func() bool {\nswitch %s {\n", at)
		for _, v := range s.variants {
			fmt.Fprintf(&b, "case %d:\nreturn %s\n", v.mutant, v.text)
		}
		s.survey(&b, "case "+switchboard+".Survey:\n")
		fmt.Fprintf(&b, "}\nreturn %s == (%s)\n}()", s.tag, inner)
	}
	return b.String()
}

// survey notes which variants would differ.
func (s *site) survey(b *strings.Builder, begin string) {
	b.WriteString(begin)
	for _, v := range s.variants {
		if v.differs == "" {
			fmt.Fprintf(b, "%s.Differs[%d] = true\n", switchboard, v.mutant)
			continue
		}
		fmt.Fprintf(b, "if !%s.Differs[%d] {\n%s.Compare(%d, func() bool { return %s })\n}\n",
			switchboard, v.mutant, switchboard, v.mutant, v.differs)
	}
}
