package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is the import path of the module.
const module = "github.com/vmprobe/vmprobe"

// driverPackage is the program into which the mutants are woven.
const driverPackage = "./hack/mutation/driver"

// source is one package to be mutated, parsed and type-checked.
type source struct {
	dir   string // from the root of the module, with slashes
	fset  *token.FileSet
	files []*sourceFile
	pkg   *types.Package
	info  *types.Info
}

// sourceFile is one file of it.
type sourceFile struct {
	name string // from the root of the module, with slashes
	path string // absolute
	text []byte
	tree *ast.File
}

// listed is what "go list" tells of a package.
type listed struct {
	ImportPath, Export, Dir string
	GoFiles                 []string
}

// list asks the go tool for the packages behind the driver, with export data.
func list() (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Export,Dir,GoFiles", driverPackage)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[l.ImportPath] = l
	}
}

// load reads a package that the driver depends on.
func load(dir string, all map[string]listed) (*source, error) {
	dir = strings.TrimPrefix(dir, "./")
	l, ok := all[module+"/"+dir]
	if !ok {
		return nil, fmt.Errorf("%s: the conformance suite does not use this package", dir)
	}
	s := &source{dir: dir, fset: token.NewFileSet()}
	var trees []*ast.File
	for _, name := range l.GoFiles {
		f := &sourceFile{name: dir + "/" + name, path: filepath.Join(l.Dir, name)}
		var err error
		if f.text, err = os.ReadFile(f.path); err != nil {
			return nil, err
		}
		if f.tree, err = parser.ParseFile(s.fset, f.name, f.text, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		trees = append(trees, f.tree)
	}
	return s, s.check(trees, func(path string) (io.ReadCloser, error) {
		dep, ok := all[path]
		if !ok || dep.Export == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(dep.Export)
	})
}

// check fills in the types.
func (s *source) check(trees []*ast.File, lookup importer.Lookup) error {
	s.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
		Defs:  map[*ast.Ident]types.Object{},
	}
	config := types.Config{Importer: importer.ForCompiler(s.fset, "gc", lookup)}
	var err error
	s.pkg, err = config.Check(module+"/"+s.dir, s.fset, trees, s.info)
	return err
}

// offset is where a position lies in the text of its file.
func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// textOf is the source of a node.
func (s *source) textOf(f *sourceFile, n ast.Node) string {
	return string(f.text[s.offset(n.Pos()):s.offset(n.End())])
}

// typeName writes a type as the file would; ok is false when the file does
// not import a package that the type needs.
func (s *source) typeName(f *sourceFile, t types.Type) (name string, ok bool) {
	ok = true
	name = types.TypeString(types.Default(t), func(p *types.Package) string {
		if p == s.pkg {
			return ""
		}
		for _, spec := range f.tree.Imports {
			if strings.Trim(spec.Path.Value, `"`) != p.Path() {
				continue
			}
			if spec.Name != nil {
				return spec.Name.Name
			}
			return p.Name()
		}
		ok = false
		return p.Name()
	})
	return name, ok
}
