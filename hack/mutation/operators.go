package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
)

// swapped gives the operator in whose place another stands.
var swapped = map[token.Token]string{
	token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*", token.REM: "*",
	token.AND: "|", token.OR: "&", token.XOR: "&", token.SHL: ">>", token.SHR: "<<",
	token.LAND: "||", token.LOR: "&&",
}

var orders = []token.Token{token.LSS, token.LEQ, token.EQL, token.NEQ, token.GEQ, token.GTR}

var negated = map[token.Token]token.Token{
	token.LSS: token.GEQ, token.GEQ: token.LSS, token.LEQ: token.GTR, token.GTR: token.LEQ,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
}

// condition adds what makes a condition always or never hold.
func (d *finder) condition(e ast.Expr) {
	if e = d.folded(e); e == nil {
		return
	}
	d.value(e, "condition", "true")
	d.value(e, "condition", "false")
	d.expr(e)
}

// returned looks at a value that a function returns.
func (d *finder) returned(e ast.Expr) {
	if e = d.folded(e); e == nil {
		return
	}
	if b, ok := e.(*ast.BinaryExpr); d.isBool(e) && !d.isConstant(e) && (!ok || negated[b.Op] == 0) {
		d.value(e, "swap boolean", "!("+d.textOf(d.file, e)+")")
	}
	d.expr(e)
}

func (d *finder) isBool(e ast.Expr) bool {
	tv, ok := d.info.Types[e]
	if !ok {
		return false
	}
	b, ok := tv.Type.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

func (d *finder) isConstant(e ast.Expr) bool { return d.info.Types[e].Value != nil }

// expr looks at an expression and at what is in it.
func (d *finder) expr(e ast.Expr) {
	if tv := d.info.Types[e]; tv.IsType() {
		return
	}
	if d.isConstant(e) {
		d.constant(e)
		return
	}
	if e = d.folded(e); e == nil {
		return
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		d.expr(e.X)
	case *ast.BinaryExpr:
		d.binary(e)
	case *ast.UnaryExpr:
		if e.Op == token.NOT || e.Op == token.SUB {
			d.value(e, "negation", d.textOf(d.file, e.X))
		}
		d.expr(e.X)
	case *ast.CallExpr:
		d.call(e)
	case *ast.CompositeLit:
		d.composite(e)
	case *ast.FuncLit:
		d.block(e.Body.List, e.Type.Results == nil)
	case *ast.SelectorExpr:
		if _, ok := e.X.(*ast.Ident); !ok {
			d.expr(e.X)
		}
	case *ast.IndexExpr:
		d.expr(e.Index)
	case *ast.SliceExpr:
		for _, part := range []ast.Expr{e.Low, e.High, e.Max} {
			if part != nil {
				d.expr(part)
			}
		}
	case *ast.StarExpr:
		d.expr(e.X)
	case *ast.TypeAssertExpr:
		d.expr(e.X)
	case *ast.KeyValueExpr:
		d.expr(e.Value)
	}
}

// binary changes an operator, and drops an operand of a boolean one.
func (d *finder) binary(e *ast.BinaryExpr) {
	x, y := d.operand(e.X), d.operand(e.Y)
	with := func(operator, op string) { d.value(e, operator, x+" "+op+" "+y) }
	switch {
	case e.Op == token.LAND || e.Op == token.LOR:
		with("boolean operator", swapped[e.Op])
		d.value(e, "boolean operand", d.textOf(d.file, e.X))
		d.value(e, "boolean operand", d.textOf(d.file, e.Y))
	case negated[e.Op] != 0 && d.isQuantity(e.X) && d.isQuantity(e.Y):
		for _, op := range orders {
			if op != e.Op {
				with("comparison", op.String())
			}
		}
	case negated[e.Op] != 0:
		with("comparison", negated[e.Op].String())
	case swapped[e.Op] != "":
		with("arithmetic", swapped[e.Op])
	}
	d.expr(e.X)
	d.expr(e.Y)
}

// operand is the text of an operand, in parentheses when it has operators.
func (d *finder) operand(e ast.Expr) string {
	text := d.textOf(d.file, e)
	if _, ok := e.(*ast.BinaryExpr); ok {
		return "(" + text + ")"
	}
	return text
}

// isQuantity tells numbers and durations from names of things.
func (d *finder) isQuantity(e ast.Expr) bool {
	t := d.info.Types[e].Type
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0 && len(d.enumeration(t)) < 2
}

// enumeration lists the constants of a type by value, or nothing when the
// type is not one of those that name things.
func (d *finder) enumeration(t types.Type) []*types.Const {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() == "time" {
		return nil
	}
	b, ok := named.Underlying().(*types.Basic)
	if !ok || b.Info()&types.IsInteger == 0 {
		return nil
	}
	var list []*types.Const
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		c, ok := scope.Lookup(name).(*types.Const)
		if ok && types.Identical(c.Type(), t) && (c.Exported() || c.Pkg() == d.pkg) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *types.Const) int {
		switch {
		case constant.Compare(a.Val(), token.LSS, b.Val()):
			return -1
		case constant.Compare(a.Val(), token.GTR, b.Val()):
			return 1
		}
		return 0
	})
	return list
}

// call looks at the arguments of a call; min and max change places.
func (d *finder) call(e *ast.CallExpr) {
	if id, ok := e.Fun.(*ast.Ident); ok && (id.Name == "min" || id.Name == "max") && d.info.Types[e.Fun].IsBuiltin() {
		other := map[string]string{"min": "max", "max": "min"}[id.Name]
		d.value(e, "minimum and maximum", other+"("+d.textOfAll(e.Args)+")")
	}
	if fun, ok := e.Fun.(*ast.SelectorExpr); ok {
		if _, plain := fun.X.(*ast.Ident); !plain {
			d.expr(fun.X)
		}
	}
	if lit, ok := e.Fun.(*ast.FuncLit); ok {
		d.expr(lit)
	}
	for _, a := range e.Args {
		d.expr(a)
	}
}

// composite drops the fields of a literal one by one.
func (d *finder) composite(e *ast.CompositeLit) {
	t := d.info.Types[e].Type
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	_, isStruct := t.Underlying().(*types.Struct)
	for _, element := range e.Elts {
		kv, ok := element.(*ast.KeyValueExpr)
		if !ok {
			d.expr(element)
			continue
		}
		d.expr(kv.Value)
		if typ, ok := d.typeOf(kv.Value); ok && isStruct && !d.isZero(kv.Value) {
			d.value(kv.Value, "drop assignment", "*new("+typ+")")
		}
	}
}

func (d *finder) isZero(e ast.Expr) bool {
	v := d.info.Types[e].Value
	switch {
	case v == nil:
		return false
	case v.Kind() == constant.Bool:
		return !constant.BoolVal(v)
	case v.Kind() == constant.Int:
		return constant.Sign(v) == 0
	}
	return false
}

// plusMinus lists what takes the place of an integer literal.
func plusMinus(lit string) []string {
	n, err := strconv.ParseInt(lit, 0, 64)
	if err != nil {
		return nil
	}
	var out []string
	for _, v := range []int64{n + 1, n - 1, 0} {
		if text := strconv.FormatInt(v, 10); v != n && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
