package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
)

// A package under mutation may carry the switches by which the named mutants
// of the conformance suite deviate from the law: a type Rules, of which a
// prober that means well has none. What only Rules decide is no part of the
// law, and no scenario can have an opinion on it. It is found by evaluating the
// source for nil Rules, as a compiler folds constants, and not by the names of
// files: a condition that has one value under the law is left alone together
// with the branch that is never taken, and so are functions that nothing calls
// then. All else is mutated, wherever it stands. The seams are counted and
// listed in the JSON report.

// rulesType is the name of the type of those switches.
const rulesType = "Rules"

// isRules tells whether an expression is a pointer to Rules, which is nil.
func (d *finder) isRules(e ast.Expr) bool {
	p, ok := d.info.Types[e].Type.(*types.Pointer)
	if !ok {
		return false
	}
	n, ok := p.Elem().(*types.Named)
	return ok && n.Obj().Pkg() == d.pkg && n.Obj().Name() == rulesType
}

// seam notes a place that only Rules decide.
func (d *finder) seam(n ast.Node) {
	p := d.fset.Position(n.Pos())
	at := fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, oneLine(d.textOf(d.file, n)))
	if !slices.Contains(d.seams, at) {
		d.seams = append(d.seams, at)
	}
}

// known gives the value that an expression has under the law, nil when that is
// not certain. What Go takes for a constant has its value anyway.
func (d *finder) known(e ast.Expr) constant.Value {
	if v := d.info.Types[e].Value; v != nil {
		return v
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return d.known(e.X)
	case *ast.UnaryExpr:
		if v := d.known(e.X); e.Op == token.NOT && v != nil {
			return constant.MakeBool(!constant.BoolVal(v))
		}
	case *ast.BinaryExpr:
		return d.knownBinary(e)
	case *ast.CallExpr:
		if fn := d.onRules(e); fn != nil {
			v, _ := d.answer(fn.Body.List)
			return v
		}
	}
	return nil
}

func (d *finder) knownBinary(e *ast.BinaryExpr) constant.Value {
	switch e.Op { //nolint:exhaustive // the other operators do not fold
	case token.EQL, token.NEQ:
		if d.isRules(e.X) && d.info.Types[e.Y].IsNil() {
			return constant.MakeBool(e.Op == token.EQL)
		}
	case token.LAND, token.LOR:
		decides := e.Op == token.LOR // the value of an operand that decides
		x, y := d.known(e.X), d.known(e.Y)
		switch {
		case x != nil && constant.BoolVal(x) == decides, y != nil && constant.BoolVal(y) == decides && d.quiet(e.X):
			return constant.MakeBool(decides)
		case x != nil && y != nil:
			return constant.MakeBool(!decides)
		}
	}
	return nil
}

// onRules gives the method of a call on nil Rules.
func (d *finder) onRules(call *ast.CallExpr) *ast.FuncDecl {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !d.isRules(sel.X) {
		return nil
	}
	f, ok := d.info.Uses[sel.Sel].(*types.Func)
	if !ok {
		return nil
	}
	return d.decls[f]
}

// answer follows the statements of a method of nil Rules to the value that it
// returns: a constant, or one of its arguments as it came. Both are nil when
// it does more than that.
func (d *finder) answer(list []ast.Stmt) (constant.Value, types.Object) {
	for _, st := range list {
		switch st := st.(type) {
		case *ast.ReturnStmt:
			if len(st.Results) != 1 {
				return nil, nil
			}
			if v := d.known(st.Results[0]); v != nil {
				return v, nil
			}
			if id, ok := st.Results[0].(*ast.Ident); ok {
				return nil, d.info.Uses[id]
			}
			return nil, nil
		case *ast.IfStmt:
			if st.Init != nil || st.Else != nil || !d.never(st.Cond) {
				return nil, nil
			}
		case *ast.SwitchStmt:
			if taken, certain := d.taken(st); !certain || taken != nil && len(taken.Body) > 0 {
				return nil, nil
			}
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// same gives the argument that a call on nil Rules returns as it is.
func (d *finder) same(call *ast.CallExpr) ast.Expr {
	fn := d.onRules(call)
	if fn == nil {
		return nil
	}
	_, param := d.answer(fn.Body.List)
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if param != nil && d.info.Defs[name] == param {
				return call.Args[i]
			}
			i++
		}
	}
	return nil
}

// never tells whether a condition does not hold under the law, always whether
// it holds.
func (d *finder) never(e ast.Expr) bool  { return d.is(e, false) }
func (d *finder) always(e ast.Expr) bool { return d.is(e, true) }

func (d *finder) is(e ast.Expr, want bool) bool {
	v := d.known(e)
	return v != nil && v.Kind() == constant.Bool && constant.BoolVal(v) == want
}

// taken gives the clause of a switch without a tag that is taken under the
// law; certain is false when the law does not say.
func (d *finder) taken(st *ast.SwitchStmt) (clause *ast.CaseClause, certain bool) {
	if st.Tag != nil || st.Init != nil {
		return nil, false
	}
	for _, s := range st.Body.List {
		c := s.(*ast.CaseClause) //nolint:forcetypeassert // nothing else is there
		if c.List == nil {
			clause = c
		}
		for _, e := range c.List {
			switch {
			case d.always(e):
				return c, true
			case !d.never(e):
				return nil, false
			}
		}
	}
	return clause, true
}

// folded gives what is left of an expression when the part that Rules decide
// is folded away; nil when all of it is decided.
func (d *finder) folded(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return d.folded(x.X)
	case *ast.CallExpr:
		if arg := d.same(x); arg != nil {
			d.seam(x)
			return d.folded(arg)
		}
	case *ast.BinaryExpr:
		if !d.isConstant(x.X) && d.neutral(x.Op, x.X) && x.Op != token.SUB {
			d.seam(x.X)
			return d.folded(x.Y)
		}
		if !d.isConstant(x.Y) && d.neutral(x.Op, x.Y) {
			d.seam(x.Y)
			return d.folded(x.X)
		}
	}
	if !d.isConstant(e) && d.known(e) != nil {
		d.seam(e)
		return nil
	}
	return e
}

// neutral tells whether an operand leaves the other one as it is.
func (d *finder) neutral(op token.Token, e ast.Expr) bool {
	switch op { //nolint:exhaustive // the others are never neutral
	case token.LAND:
		return d.always(e)
	case token.LOR:
		return d.never(e)
	case token.ADD, token.SUB:
		v := d.known(e)
		return v != nil && v.Kind() == constant.Int && constant.Sign(v) == 0
	}
	return false
}

// leaves tells whether a statement ends the function under the law, so that
// nothing after it is reached.
func (d *finder) leaves(st ast.Stmt) bool {
	last := func(list []ast.Stmt) bool {
		if len(list) == 0 {
			return false
		}
		_, ok := list[len(list)-1].(*ast.ReturnStmt)
		return ok
	}
	switch st := st.(type) {
	case *ast.IfStmt:
		return !d.isConstant(st.Cond) && d.always(st.Cond) && last(st.Body.List)
	case *ast.SwitchStmt:
		clause, certain := d.taken(st)
		return certain && clause != nil && last(clause.Body)
	}
	return false
}

// merely tells whether all that a statement does under the law is to return
// nothing.
func (d *finder) merely(st *ast.IfStmt) bool {
	if !d.leaves(st) || len(st.Body.List) > 1 {
		return false
	}
	r, ok := st.Body.List[0].(*ast.ReturnStmt)
	return ok && len(r.Results) == 0
}

// idle tells whether a call does nothing under the law.
func (d *finder) idle(call *ast.CallExpr) bool {
	var id *ast.Ident
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		id = fun
	case *ast.SelectorExpr:
		id = fun.Sel
	default:
		return false
	}
	f, ok := d.info.Uses[id].(*types.Func)
	if !ok || d.decls[f] == nil {
		return false
	}
	for _, st := range d.decls[f].Body.List {
		one, ok := st.(*ast.IfStmt)
		switch {
		case ok && one.Init == nil && one.Else == nil && !d.isConstant(one.Cond) && d.never(one.Cond):
		case ok && one.Init == nil && d.merely(one):
			return true
		default:
			return false
		}
	}
	return len(d.decls[f].Body.List) > 0
}

// reach marks the functions that may be called under the law: exported ones,
// and what they refer to outside of branches that are never taken.
func (d *finder) reach() {
	d.reached = map[*types.Func]bool{}
	var queue []*ast.FuncDecl
	add := func(f *types.Func) {
		if fn := d.decls[f]; fn != nil && !d.reached[f] {
			d.reached[f] = true
			queue = append(queue, fn)
		}
	}
	use := func(n ast.Node) {
		d.visit(n, func(id *ast.Ident) {
			if f, ok := d.info.Uses[id].(*types.Func); ok {
				add(f.Origin())
			}
		})
	}
	for f := range d.decls {
		if f.Exported() || f.Name() == "init" || f.Name() == "main" {
			add(f)
		}
	}
	for _, file := range d.files {
		for _, decl := range file.tree.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				use(g)
			}
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		use(fn.Body)
	}
}

// visit calls back for each name in a node, but for branches that are never
// taken under the law.
func (d *finder) visit(n ast.Node, name func(*ast.Ident)) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			name(n)
		case *ast.BlockStmt:
			for _, st := range n.List {
				d.visit(st, name)
				if d.leaves(st) {
					break
				}
			}
			return false
		case *ast.IfStmt:
			if n.Init != nil {
				d.visit(n.Init, name)
			}
			d.visit(n.Cond, name)
			if !d.never(n.Cond) {
				d.visit(n.Body, name)
			}
			if n.Else != nil && !d.always(n.Cond) {
				d.visit(n.Else, name)
			}
			return false
		case *ast.CaseClause:
			if len(n.List) == 1 && d.never(n.List[0]) {
				return false
			}
		case *ast.BinaryExpr:
			if n.Op == token.LAND && d.never(n.X) || n.Op == token.LOR && d.always(n.X) {
				return false
			}
		}
		return true
	})
}
