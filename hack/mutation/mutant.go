package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// mutant is one change of the source.
type mutant struct {
	number   int // from 1, over all packages
	pkg      string
	file     string
	function string // "Worker.Step"
	line     int
	column   int
	text     string // the source line, trimmed
	from, to string // the change
	operator string // what kind of change it is
	sites    []int  // where it is woven in
	nth      int    // from 1, among those that look the same
}

// place is "file:line:col".
func (m *mutant) place() string { return fmt.Sprintf("%s:%d:%d", m.file, m.line, m.column) }

// key names the mutant by what the source says, not by where it stands.
func (m *mutant) key() string {
	key := m.file + " " + m.function + " | " + m.text + " | " + m.from + " => " + m.to
	if m.nth > 1 {
		key += fmt.Sprintf(" #%d", m.nth)
	}
	return key
}

// diff shows the change as two lines.
func (m *mutant) diff() string {
	if changed := strings.Replace(m.text, m.from, m.to, 1); strings.Count(m.text, m.from) == 1 && m.to != "" {
		return "- " + m.text + "\n+ " + changed
	}
	return "- " + m.text + "\n+   " + m.from + " => " + m.to
}

// siteKind tells how a site is woven.
type siteKind uint8

const (
	exprSite   siteKind = iota // a value
	stmtSite                   // a statement in a list of statements
	simpleSite                 // a statement before a condition, or after a loop
	tagSite                    // the tag of a switch, which moves into the cases
	labelSite                  // a label of such a switch
)

// site is a node of the source that one or more mutants change.
type site struct {
	number     int
	kind       siteKind
	file       *sourceFile
	start, end int // offsets
	typ        string
	tag        string // labelSite: the text of the tag
	variants   []variant
}

// variant is what a mutant makes of a site.
type variant struct {
	mutant int
	text   string // empty: nothing, for a statement
	// differs is a condition under which the mutant does something else,
	// which can be evaluated without effect; empty: always.
	differs string
}

// finder collects the mutants of a package.
type finder struct {
	*source
	file     *sourceFile
	function string
	mutants  []*mutant
	sites    []*site
	first    int // number of the first mutant, and of the first site
	firstAt  int
	byNode   map[string]*site
	consts   map[types.Object][]declared // mutants of package constants
	seen     map[string]int              // keys

	decls      map[*types.Func]*ast.FuncDecl
	reached    map[*types.Func]bool // functions that may be called under the law
	quietFuncs map[*types.Func]bool
	seams      []string // what only Rules decide
	skipped    []string // what cannot be switched
	rejected   int      // changes that do not compile
}

// declared is a mutant of a constant's declaration.
type declared struct {
	mutant *mutant
	value  string
}

// at gives the site of a node, which is made when it is new.
func (d *finder) at(kind siteKind, n ast.Node) *site {
	start, end := d.offset(n.Pos()), d.offset(n.End())
	key := fmt.Sprintf("%s %d %d %d", d.file.name, kind, start, end)
	if s := d.byNode[key]; s != nil {
		return s
	}
	s := &site{kind: kind, file: d.file, start: start, end: end}
	s.number = d.firstAt + len(d.sites)
	d.byNode[key] = s
	d.sites = append(d.sites, s)
	return s
}

// mutant makes a mutant of a node.
func (d *finder) mutant(n ast.Node, operator, from, to string) *mutant {
	p := d.fset.Position(n.Pos())
	m := &mutant{
		number: d.first + len(d.mutants), pkg: d.dir, file: d.file.name, function: d.function,
		line: p.Line, column: p.Column, text: lineOf(d.file.text, p.Offset), operator: operator,
		from: oneLine(from), to: oneLine(to),
	}
	d.seen[m.key()]++
	m.nth = d.seen[m.key()]
	d.mutants = append(d.mutants, m)
	return m
}

// value adds a mutant of an expression, unless it does not compile or is
// there already.
func (d *finder) value(e ast.Expr, operator, to string) {
	from := d.textOf(d.file, e)
	typ, ok := d.typeOf(e)
	if !ok || !d.compiles(e.Pos(), typ, to) || oneLine(from) == oneLine(to) {
		d.rejected++
		return
	}
	s := d.at(exprSite, e)
	for _, v := range s.variants {
		if v.text == to {
			return
		}
	}
	d.weave(s, e, d.mutant(e, operator, from, to), typ, to)
}

// weave gives the site of an expression a variant.
func (d *finder) weave(s *site, e ast.Expr, m *mutant, typ, to string) {
	s.typ = typ
	v := variant{mutant: m.number, text: to}
	if d.repeatable(e) && d.quietText(e.Pos(), to) {
		v.differs = fmt.Sprintf("(%s)(%s) != (%s)(%s)", typ, to, typ, d.textOf(d.file, e))
	}
	s.variants = append(s.variants, v)
	m.sites = append(m.sites, s.number)
}

// typeOf is the type that an expression has where it stands.
func (d *finder) typeOf(e ast.Expr) (string, bool) {
	tv, ok := d.info.Types[e]
	if !ok || tv.Type == nil || tv.IsVoid() || tv.IsType() || tv.IsBuiltin() {
		return "", false
	}
	if b, ok := tv.Type.(*types.Basic); ok && b.Kind() == types.UntypedNil {
		return "", false
	}
	if _, ok := tv.Type.(*types.Tuple); ok {
		return "", false
	}
	return d.typeName(d.file, tv.Type)
}

// compiles tells whether a value of a type could be written as text.
func (d *finder) compiles(pos token.Pos, typ, text string) bool {
	e, err := parser.ParseExpr("(" + typ + ")(" + text + ")")
	if err != nil {
		return false
	}
	return types.CheckExpr(d.fset, d.pkg, pos, e, nil) == nil
}

// statement adds a mutant of a statement; to is the statement in its place.
func (d *finder) statement(kind siteKind, st ast.Stmt, operator, to string) {
	s := d.at(kind, st)
	shown := to
	if to == "" {
		shown = "(dropped)"
	}
	m := d.mutant(st, operator, d.textOf(d.file, st), shown)
	s.variants = append(s.variants, variant{m.number, to, d.changes(st, to)})
	m.sites = append(m.sites, s.number)
}

// changes is the condition under which an assignment that is dropped matters.
func (d *finder) changes(st ast.Stmt, to string) string {
	a, ok := st.(*ast.AssignStmt)
	if !ok || to != "" || a.Tok != token.ASSIGN || len(a.Lhs) != 1 || len(a.Rhs) != 1 ||
		!d.repeatable(a.Lhs[0]) || !d.repeatable(a.Rhs[0]) {
		return ""
	}
	return d.textOf(d.file, a.Lhs[0]) + " != (" + d.textOf(d.file, a.Rhs[0]) + ")"
}

// quietText tells whether the text of a mutant has no effect but its value:
// it may hold calls that the original does not.
func (d *finder) quietText(pos token.Pos, text string) bool {
	e, err := parser.ParseExpr(text)
	if err != nil {
		return false
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	if types.CheckExpr(d.fset, d.pkg, pos, e, info) != nil {
		return false
	}
	other := *d
	source := *d.source
	source.info = info
	other.source = &source
	return other.quietBut(d, e)
}

// quietBut is quiet for an expression with types of its own.
func (d *finder) quietBut(original *finder, e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			ok = ok && d.quietCallIn(original, n)
		case *ast.FuncLit:
			ok = false
		}
		return ok
	})
	return ok
}

func lineOf(text []byte, offset int) string {
	start := strings.LastIndexByte(string(text[:offset]), '\n') + 1
	line, _, _ := strings.Cut(string(text[start:]), "\n")
	return strings.TrimSpace(line)
}

// oneLine joins the lines of a text and shortens it.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 100 {
		s = s[:97] + "..."
	}
	return s
}
