// Package tidy checks the shape of the code base itself: layers, determinism
// of the lower layers, and what every package owes its reader.
package tidy

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/vmprobe/vmprobe"

// layers lists the top-level packages from the bottom up; a package imports
// only what is left of it, or its own folder. hack may import anything.
var layers = []string{"probes", "sim", "fakevm", "scenarios", "conformance", "cmd"}

// strangers must not know each other although their order would permit it.
var strangers = map[string]string{
	"fakevm": "sim", // the same guest runs on sockets and inside a real VM
}

// wallClock lists packages that run on real machines and are therefore free
// to use goroutines and the wall clock.
var wallClock = map[string]bool{
	module + "/probes/realtime": true,
	module + "/fakevm/oshost":   true,
	module + "/fakevm/guestd":   true,
	module + "/fakevm/guestpod": true,
}

func load(t *testing.T) []*packages.Package {
	t.Helper()
	cfg := &packages.Config{
		Dir:  "../../..",
		Mode: packages.NeedName | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedFiles,
	}
	pkgs, err := packages.Load(cfg, "./...")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(pkgs) > 0 {
		t.Fatal("packages do not compile")
	}
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages loaded: the checks would be vacuous", len(pkgs))
	}
	return pkgs
}

func layerOf(path string) (string, int) {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return "", -1
	}
	top, _, _ := strings.Cut(rest, "/")
	for i, l := range layers {
		if l == top {
			return top, i
		}
	}
	return top, -1
}

func TestLayers(t *testing.T) {
	for _, p := range load(t) {
		top, rank := layerOf(p.PkgPath)
		if rank < 0 {
			continue
		}
		for imp := range p.Imports {
			other, otherRank := layerOf(imp)
			switch {
			case other == "" || other == top && top != "cmd":
			case otherRank > rank || otherRank < 0:
				t.Errorf("%s imports %s: imports go down only (%s)", p.PkgPath, imp, strings.Join(layers, " < "))
			case other == "cmd":
				t.Errorf("%s imports %s: nothing imports cmd", p.PkgPath, imp)
			case strangers[top] == other:
				t.Errorf("%s imports %s: %s must not know %s", p.PkgPath, imp, top, other)
			}
		}
	}
}

func TestDeterministicLayers(t *testing.T) {
	for _, p := range load(t) {
		_, rank := layerOf(p.PkgPath)
		if rank < 0 || rank > 2 || wallClock[p.PkgPath] {
			continue
		}
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool { return inspect(t, p, n) })
		}
	}
}

func inspect(t *testing.T, p *packages.Package, n ast.Node) bool {
	t.Helper()
	at := func(n ast.Node) token.Position { return p.Fset.Position(n.Pos()) }
	switch n := n.(type) {
	case *ast.GoStmt:
		t.Errorf("%s: go statement in a deterministic layer", at(n))
	case *ast.SelectStmt:
		t.Errorf("%s: select in a deterministic layer", at(n))
	case *ast.RangeStmt:
		if typ := p.TypesInfo.TypeOf(n.X); typ != nil {
			if _, isMap := typ.Underlying().(*types.Map); isMap {
				t.Errorf("%s: range over a map in a deterministic layer: sort the keys with slices.Sorted(maps.Keys(m))", at(n))
			}
		}
	case *ast.SelectorExpr:
		obj := p.TypesInfo.Uses[n.Sel]
		if obj == nil || obj.Pkg() == nil {
			return true
		}
		if forbidden(obj) {
			t.Errorf("%s: %s.%s in a deterministic layer", at(n), obj.Pkg().Path(), obj.Name())
		}
	}
	return true
}

func forbidden(obj types.Object) bool {
	if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
		return false // a method, as in time.Time.After
	}
	switch obj.Pkg().Path() {
	case "time":
		switch obj.Name() {
		case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker":
			return true
		}
	case "math/rand", "math/rand/v2", "crypto/rand":
		return true
	}
	return false
}

func TestPackageComments(t *testing.T) {
	for _, p := range load(t) {
		documented := false
		for _, f := range p.Syntax {
			documented = documented || f.Doc != nil
		}
		if !documented && len(p.Syntax) > 0 {
			t.Errorf("%s has no package comment", p.PkgPath)
		}
	}
}

// TestNoMutableGlobals: package-level variables are tables and error values,
// never state.
func TestNoMutableGlobals(t *testing.T) {
	for _, p := range load(t) {
		if _, rank := layerOf(p.PkgPath); rank < 0 {
			continue
		}
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, left := range n.Lhs {
						checkNotGlobal(t, p, left)
					}
				case *ast.IncDecStmt:
					checkNotGlobal(t, p, n.X)
				}
				return true
			})
		}
	}
}

// checkNotGlobal reports an assignment to a package-level variable or into it.
func checkNotGlobal(t *testing.T, p *packages.Package, left ast.Expr) {
	t.Helper()
	for {
		switch x := left.(type) {
		case *ast.IndexExpr:
			left = x.X
			continue
		case *ast.SelectorExpr:
			if _, isField := p.TypesInfo.Selections[x]; isField {
				left = x.X
				continue
			}
			left = x.Sel
			continue
		case *ast.ParenExpr:
			left = x.X
			continue
		case *ast.Ident:
			v, ok := p.TypesInfo.Uses[x].(*types.Var)
			if ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
				t.Errorf("%s: assignment to the package-level variable %s: state belongs in values", p.Fset.Position(x.Pos()), v.Name())
			}
		}
		return
	}
}

// TestJudgesAreIndependent: what judges a prober shares the types of specs with
// it, and nothing that decides.
func TestJudgesAreIndependent(t *testing.T) {
	const judges = module + "/conformance/judge"
	strangers := map[string]bool{}
	for _, p := range []string{"probes/engine", "probes/attempt", "probes/guestagent", "probes/realtime", "sim/prober", "sim/platform", "sim/model"} {
		strangers[module+"/"+p] = true
	}
	seen := 0
	for _, p := range load(t) {
		if p.PkgPath != judges && !strings.HasPrefix(p.PkgPath, judges+"/") {
			continue
		}
		seen++
		for imp := range p.Imports {
			if strangers[imp] {
				t.Errorf("%s imports %s, which it judges", p.PkgPath, imp)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d packages of judges", seen)
	}
}
