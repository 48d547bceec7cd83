package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// constants adds the mutants of the constants that a declaration gives plain
// values; they are woven in wherever the constant is used.
func (d *finder) constants(g *ast.GenDecl) {
	if g.Tok == token.VAR {
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec) //nolint:forcetypeassert // nothing else is there
			if len(v.Values) > 0 {
				d.skip(v, "value of a package variable")
			}
		}
		return
	}
	if g.Tok != token.CONST {
		return
	}
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec) //nolint:forcetypeassert // nothing else is there
		for i, value := range v.Values {
			if strings.Contains(d.textOf(d.file, value), "iota") {
				continue
			}
			obj := d.info.Defs[v.Names[i]]
			if obj == nil || len(d.enumeration(obj.Type())) > 1 {
				continue
			}
			d.function = v.Names[i].Name
			for _, to := range d.replacements(value) {
				m := d.mutant(value, "constant", d.textOf(d.file, value), to)
				d.consts[obj] = append(d.consts[obj], declared{m, to})
			}
		}
	}
}

// constant adds the mutants of a constant expression.
func (d *finder) constant(e ast.Expr) {
	v := d.info.Types[e].Value
	if v.Kind() == constant.Bool {
		d.value(e, "swap boolean", "!("+d.textOf(d.file, e)+")")
		return
	}
	for _, to := range d.replacements(e) {
		d.value(e, "constant", to)
	}
	d.uses(e)
}

// replacements gives an expression with each of its numbers changed.
func (d *finder) replacements(e ast.Expr) (list []string) {
	text, start := d.textOf(d.file, e), d.offset(e.Pos())
	with := func(n ast.Node, to string) {
		from, until := d.offset(n.Pos())-start, d.offset(n.End())-start
		list = append(list, text[:from]+to+text[until:])
	}
	times := false
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.INT {
			times = true
			for _, to := range plusMinus(lit.Value) {
				with(lit, to)
			}
		}
		return true
	})
	ast.Inspect(e, func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		switch x := x.(type) {
		case *ast.SelectorExpr:
			if c, ok := d.info.Uses[x.Sel].(*types.Const); ok {
				d.neighbours(c, func(to string) { with(x.Sel, to) })
				if c.Pkg().Path() == "time" && !times {
					with(x, "(2*"+d.textOf(d.file, x)+")")
					with(x, "0")
				}
			}
			return false
		case *ast.Ident:
			if c, ok := d.info.Uses[x].(*types.Const); ok && c.Pkg() == d.pkg {
				d.neighbours(c, func(to string) { with(x, to) })
			}
		}
		return true
	})
	return list
}

// neighbours gives the names before and after one that names a thing.
func (d *finder) neighbours(c *types.Const, use func(string)) {
	list := d.enumeration(c.Type())
	for i, other := range list {
		if other.Name() != c.Name() {
			continue
		}
		if i > 0 {
			use(list[i-1].Name())
		}
		if i+1 < len(list) {
			use(list[i+1].Name())
		}
	}
}

// uses weaves the mutants of package constants in where they are used.
func (d *finder) uses(e ast.Expr) {
	text, start := d.textOf(d.file, e), d.offset(e.Pos())
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		typ, ok := d.typeOf(e)
		if !ok {
			return true
		}
		for _, c := range d.consts[d.info.Uses[id]] {
			from, until := d.offset(id.Pos())-start, d.offset(id.End())-start
			to := text[:from] + "(" + c.value + ")" + text[until:]
			if !d.compiles(e.Pos(), typ, to) {
				d.rejected++
				continue
			}
			s := d.at(exprSite, e)
			d.weave(s, e, c.mutant, typ, to)
		}
		return true
	})
}
