package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// find collects every mutant of a package; numbers count on from the given.
func find(s *source, firstMutant, firstSite int) *finder {
	d := &finder{
		source: s, first: firstMutant, firstAt: firstSite,
		byNode: map[string]*site{}, consts: map[types.Object][]declared{}, seen: map[string]int{},
		decls: map[*types.Func]*ast.FuncDecl{}, quietFuncs: map[*types.Func]bool{},
	}
	for _, f := range s.files {
		for _, decl := range f.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				d.decls[d.info.Defs[fn.Name].(*types.Func)] = fn //nolint:forcetypeassert // nothing else is declared so
			}
		}
	}
	d.reach()
	for _, f := range s.files {
		d.file = f
		for _, decl := range f.tree.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				d.constants(g)
			}
		}
	}
	for _, f := range s.files {
		d.file = f
		for _, decl := range f.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				d.inFunction(fn)
			}
		}
	}
	return d
}

func (d *finder) inFunction(fn *ast.FuncDecl) {
	if f, ok := d.info.Defs[fn.Name].(*types.Func); ok && !d.reached[f] {
		d.seam(fn.Name)
		return
	}
	d.function = nameOf(fn)
	d.block(fn.Body.List, fn.Type.Results == nil)
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// block looks at a list of statements; void tells that a bare return may be
// dropped without the compiler noticing.
func (d *finder) block(list []ast.Stmt, void bool) {
	for _, st := range list {
		d.stmt(st, stmtSite, void)
		if d.leaves(st) {
			return
		}
	}
}

// stmt looks at one statement.
func (d *finder) stmt(st ast.Stmt, kind siteKind, void bool) {
	switch st := st.(type) {
	case *ast.ExprStmt:
		if call, ok := st.X.(*ast.CallExpr); ok && d.idle(call) {
			d.seam(call)
		} else if ok {
			if id, ok := call.Fun.(*ast.Ident); !ok || id.Name != "panic" {
				d.statement(kind, st, "drop call", "")
			}
			d.call(call)
		}
	case *ast.AssignStmt:
		d.assign(st, kind)
	case *ast.IncDecStmt:
		other := map[token.Token]string{token.INC: "--", token.DEC: "++"}[st.Tok]
		d.statement(kind, st, "drop assignment", "")
		d.statement(kind, st, "arithmetic", d.textOf(d.file, st.X)+other)
	case *ast.BranchStmt:
		if st.Tok == token.BREAK || st.Tok == token.CONTINUE {
			d.statement(kind, st, "drop branch", "")
		}
	case *ast.ReturnStmt:
		if len(st.Results) == 0 && void {
			d.statement(kind, st, "drop return", "")
		}
		for _, r := range st.Results {
			d.returned(r)
		}
	case *ast.DeclStmt:
		for _, e := range initial(st) {
			d.expr(e)
		}
	case *ast.DeferStmt:
		d.call(st.Call)
	case *ast.GoStmt:
		d.call(st.Call)
	case *ast.BlockStmt:
		d.block(st.List, void)
	case *ast.LabeledStmt:
		d.stmt(st.Stmt, simpleSite, void)
	default:
		d.compound(st, void)
	}
}

// initial lists the initial values of a declaration of variables.
func initial(st *ast.DeclStmt) (list []ast.Expr) {
	g, ok := st.Decl.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return nil
	}
	for _, spec := range g.Specs {
		if v, ok := spec.(*ast.ValueSpec); ok {
			list = append(list, v.Values...)
		}
	}
	return list
}

// compound looks at statements that hold others.
func (d *finder) compound(st ast.Stmt, void bool) {
	switch st := st.(type) {
	case *ast.IfStmt:
		if st.Init != nil {
			d.stmt(st.Init, simpleSite, void)
		}
		d.condition(st.Cond)
		if !d.never(st.Cond) && !d.merely(st) {
			d.block(st.Body.List, void)
		}
		if st.Else != nil && !d.always(st.Cond) {
			d.stmt(st.Else, simpleSite, void)
		}
	case *ast.ForStmt:
		if st.Init != nil {
			d.stmt(st.Init, simpleSite, void)
		}
		if st.Cond != nil {
			d.condition(st.Cond)
		}
		if st.Post != nil {
			d.stmt(st.Post, simpleSite, void)
		}
		d.block(st.Body.List, void)
	case *ast.RangeStmt:
		d.expr(st.X)
		d.block(st.Body.List, void)
	case *ast.SwitchStmt:
		d.switches(st, void)
	case *ast.TypeSwitchStmt:
		for _, c := range st.Body.List {
			d.block(c.(*ast.CaseClause).Body, void) //nolint:forcetypeassert // nothing else is there
		}
		d.skip(st, "type switch")
	}
}

// skip notes what cannot be switched at run time.
func (d *finder) skip(n ast.Node, what string) {
	p := d.fset.Position(n.Pos())
	d.skipped = append(d.skipped, p.String()+": "+what)
}

// assign looks at an assignment.
func (d *finder) assign(st *ast.AssignStmt, kind siteKind) {
	for _, r := range st.Rhs {
		d.expr(r)
	}
	for _, l := range st.Lhs {
		if index, ok := l.(*ast.IndexExpr); ok {
			d.expr(index.Index)
		}
	}
	switch {
	case st.Tok == token.DEFINE:
	case st.Tok != token.ASSIGN:
		d.statement(kind, st, "drop assignment", "")
		if to, ok := swapped[assignOperator(st.Tok)]; ok {
			d.statement(kind, st, "arithmetic",
				d.textOf(d.file, st.Lhs[0])+" "+to+"= "+d.textOf(d.file, st.Rhs[0]))
		}
	case len(st.Lhs) == 1 || len(st.Lhs) != len(st.Rhs):
		if id, ok := st.Lhs[0].(*ast.Ident); !ok || id.Name != "_" || len(st.Lhs) > 1 {
			d.statement(kind, st, "drop assignment", "")
		}
	default:
		for i, r := range st.Rhs { // one of several: it keeps its value
			if id, ok := st.Lhs[i].(*ast.Ident); !ok || id.Name != "_" {
				d.value(r, "drop assignment", d.textOf(d.file, st.Lhs[i]))
			}
		}
	}
}

func assignOperator(t token.Token) token.Token {
	return t - token.ADD_ASSIGN + token.ADD
}

// switches looks at a switch with values.
func (d *finder) switches(st *ast.SwitchStmt, void bool) {
	if st.Init != nil {
		d.stmt(st.Init, simpleSite, void)
	}
	moves := st.Tag != nil && pure(st.Tag)
	switch {
	case moves:
		d.at(tagSite, st.Tag)
	case st.Tag != nil:
		d.expr(st.Tag)
		d.skip(st, "switch whose tag is no plain name")
	}
	for _, clause := range st.Body.List {
		c := clause.(*ast.CaseClause) //nolint:forcetypeassert // nothing else is there
		dead := st.Tag == nil && len(c.List) > 0
		for _, label := range c.List {
			switch {
			case st.Tag == nil:
				d.condition(label)
				dead = dead && !d.isConstant(label) && d.never(label)
			case moves:
				d.label(st, c, label)
			}
		}
		if !dead {
			d.block(c.Body, void)
		}
		if st.Tag == nil && slices.ContainsFunc(c.List, d.always) {
			return // nothing after it is reached
		}
	}
}

// label adds the removal of one label of a case.
func (d *finder) label(st *ast.SwitchStmt, c *ast.CaseClause, label ast.Expr) {
	s := d.at(labelSite, label)
	s.tag = d.textOf(d.file, st.Tag)
	if len(c.Body) == 0 && !hasDefault(st) {
		return // the same as no case
	}
	m := d.mutant(label, "remove case", "case "+d.textOf(d.file, label), "(removed)")
	v := variant{mutant: m.number, text: "false"}
	if d.quiet(label) {
		v.differs = s.tag + " == (" + d.textOf(d.file, label) + ")"
	}
	s.variants = append(s.variants, v)
	m.sites = append(m.sites, s.number)
}

func hasDefault(st *ast.SwitchStmt) bool {
	for _, c := range st.Body.List {
		if c.(*ast.CaseClause).List == nil { //nolint:forcetypeassert // nothing else is there
			return true
		}
	}
	return false
}

// pure tells whether an expression can be evaluated again: names and fields.
func pure(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return pure(e.X)
	}
	return false
}

// textOfAll joins the texts of expressions.
func (d *finder) textOfAll(list []ast.Expr) string {
	var texts []string
	for _, e := range list {
		texts = append(texts, d.textOf(d.file, e))
	}
	return strings.Join(texts, ", ")
}
