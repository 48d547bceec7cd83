package main

import (
	"go/ast"
	"go/token"
	"go/types"
)

// repeatable tells whether the values of an expression can be compared and the
// expression evaluated twice without anybody noticing.
func (d *finder) repeatable(e ast.Expr) bool {
	t := d.info.Types[e].Type
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() != types.UntypedNil && d.quiet(e)
}

// quiet tells whether an expression has no effect but its value.
func (d *finder) quiet(n ast.Node) bool {
	if n == nil {
		return true
	}
	ok := true
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			ok = ok && d.quietCall(n)
		case *ast.FuncLit:
			ok = false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		}
		return ok
	})
	return ok
}

// quietCall allows conversions, some builtins, and functions that only
// compute.
func (d *finder) quietCall(call *ast.CallExpr) bool { return d.quietCallIn(d, call) }

// quietCallIn is quietCall for a call with types of its own.
func (d *finder) quietCallIn(original *finder, call *ast.CallExpr) bool {
	if tv := d.info.Types[call.Fun]; tv.IsType() {
		return true
	}
	var id *ast.Ident
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		id = fun
	case *ast.SelectorExpr:
		id = fun.Sel
	default:
		return false
	}
	switch obj := d.info.Uses[id].(type) {
	case *types.Builtin:
		return obj.Name() == "len" || obj.Name() == "cap" || obj.Name() == "min" || obj.Name() == "max"
	case *types.Func:
		switch {
		case obj.Pkg() == nil:
			return false
		case obj.Pkg() == d.pkg:
			return original.quietFunc(obj)
		}
		path := obj.Pkg().Path()
		return path == "time" && obj.Name() != "Now" || path == module+"/probes"
	}
	return false
}

// quietFunc looks into a function once.
func (d *finder) quietFunc(f *types.Func) bool {
	if known, ok := d.quietFuncs[f]; ok {
		return known
	}
	d.quietFuncs[f] = false // a function that calls itself
	for _, file := range d.files {
		for _, decl := range file.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && d.info.Defs[fn.Name] == f && fn.Body != nil {
				d.quietFuncs[f] = d.quietBody(fn.Body)
			}
		}
	}
	return d.quietFuncs[f]
}

// quietBody allows local variables, conditions, switches and returns.
func (d *finder) quietBody(body *ast.BlockStmt) bool {
	ok := d.quiet(body)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			ok = ok && n.Tok == token.DEFINE
		case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt, *ast.ForStmt, *ast.RangeStmt:
			ok = false
		}
		return ok
	})
	return ok
}
