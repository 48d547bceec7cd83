package doctest

import (
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

const root = "../.."

var update = flag.Bool("update", false, "rewrite the outputs in the README files")

// TestReadmes runs every command and loads every YAML block of every
// README.md.
func TestReadmes(t *testing.T) {
	bin := program(t)
	names := readmes(t)
	if len(names) < 8 {
		t.Fatalf("only %d README files found: %v", len(names), names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { testReadme(t, name, bin) })
	}
}

// program gives the directory of the program and of a kubectl that shows the
// manifest which the page has written before.
func program(t *testing.T) (dir string) {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var buildDir string // removed when all tests are done

// build makes the program once, as make build does: the build cache is shared.
var build = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", buildDir, "./cmd/vmprobe")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	kubectl := "#!/bin/sh\ntest \"$1\" = get && cat vm.yaml\n"
	return buildDir, os.WriteFile(filepath.Join(buildDir, "kubectl"), []byte(kubectl), 0o755)
})

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "doctest"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir) // what is left there harms nobody
	os.Exit(code)
}

func readmes(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"testdata", "bin", "out"}, d.Name())):
			return filepath.SkipDir
		case d.Name() == "README.md":
			rel, err := filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// reader follows one page from top to bottom in a directory of its own.
type reader struct {
	*testing.T
	dir, bin string
	blocks   []Block
	text     string // of the page, with outputs renewed
}

func testReadme(t *testing.T, name, bin string) {
	path := filepath.Join(root, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := Parse(string(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r := &reader{T: t, dir: t.TempDir(), bin: bin, blocks: blocks, text: string(data)}
	for i := range blocks {
		r.write(&blocks[i])
	}
	for i := range blocks {
		r.follow(&blocks[i])
	}
	if *update && r.text != string(data) {
		if err := os.WriteFile(path, []byte(r.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var looksLikeCommand = regexp.MustCompile(`^(\$ |make |go (test|run|build|install|generate) |vmprobe |\.ci/)`)

func (r *reader) follow(b *Block) {
	switch b.Lang {
	case "sh":
		for _, c := range Commands(b.Text) {
			r.shell(b, c, 0)
		}
	case "console":
		r.console(b)
	case "yaml":
		r.yaml(b)
	case "make":
		r.makefile(b)
	case "go":
		r.goSource(b)
	case "", "text":
		if looksLikeCommand.MatchString(b.Text) {
			r.Errorf("line %d: a command in a block that nobody runs: make it sh or console", b.Line)
		}
	default:
		r.Errorf("line %d: no test knows what to do with a %q block", b.Line, b.Lang)
	}
}

// console compares the outputs; with attribute exit=N the last command ends so.
func (r *reader) console(b *Block) {
	steps, err := Console(b.Text)
	if err != nil {
		r.Errorf("line %d: %v", b.Line, err)
		return
	}
	renewed := ""
	for i, s := range steps {
		code := 0
		if i == len(steps)-1 && b.Has("exit") {
			code = int(b.Attrs["exit"][0] - '0')
		}
		got := r.shell(b, s.Command, code)
		if diff := cmp.Diff(s.Output, got); diff != "" && !*update {
			r.Errorf("line %d: $ %s: the output is another one (go test ./hack/doctest -update rewrites it):\n%s", b.Line, s.Command, diff)
		}
		renewed += "$ " + s.Command + "\n" + got
	}
	r.text = strings.Replace(r.text, b.Text, renewed, 1)
}

// shell runs a command and checks its exit code; the output is both streams.
func (r *reader) shell(b *Block, command string, code int) string {
	dir, bash := r.dir, command
	if e, instead, ok := exempted(command); ok {
		if b.Lang == "console" {
			r.Errorf("line %d: the output of %q is not compared (%s)", b.Line, command, e.Reason)
		}
		if instead == "" {
			return ""
		}
		dir, bash = root, instead
	}
	cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", bash)
	cmd.Dir = dir
	cmd.Env = r.environment()
	out, err := cmd.CombinedOutput()
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else if err != nil {
		r.Fatal(err)
	}
	if got != code {
		r.Errorf("line %d: $ %s: exit code %d, want %d\n%s", b.Line, bash, got, code, out)
	}
	return string(withoutProgress.ReplaceAll(out, nil))
}

// withoutProgress finds what a slow run writes to standard error.
var withoutProgress = regexp.MustCompile(`(?m)^\d+ of \d+ runs\n`)

func (r *reader) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "VMPROBE_") && !strings.HasPrefix(name, "MAKE") && name != "PATH" {
			env = append(env, v)
		}
	}
	return append(env, "PATH="+r.bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TERM=dumb", "LC_ALL=C.UTF-8", "GITHUB_STEP_SUMMARY=summary.md",
		"CI_NODE_INDEX=2", "CI_NODE_TOTAL=4")
}

// write writes the files of the page before anything is run, so that a page may
// show a command first and its file later.
func (r *reader) write(b *Block) {
	if !b.Has("file") {
		return
	}
	name := filepath.Join(r.dir, b.Attrs["file"])
	if _, err := os.Stat(name); err == nil {
		r.Errorf("line %d: a second block is called %s", b.Line, b.Attrs["file"])
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(b.Text), 0o644); err != nil {
		r.Fatal(err)
	}
}

// yaml: a command of the page must use a file, a fragment is part of a
// scenario's spec, the steps of a workflow are run.
func (r *reader) yaml(b *Block) {
	switch {
	case b.Has("file"):
		if !slices.ContainsFunc(r.blocks, func(o Block) bool {
			return (o.Lang == "sh" || o.Lang == "console" || o.Has("workflow")) && strings.Contains(o.Text, b.Attrs["file"])
		}) {
			r.Errorf("line %d: no command of the page uses %s", b.Line, b.Attrs["file"])
		}
	case b.Has("fragment"):
		text := []byte(diag.ExampleFile(b.Text))
		f, list := scenarios.Load("example.yaml", text, scenarios.Options{Requirements: requirements.IDs()})
		_, more := f.Cases(nil)
		if list = append(list, more...); !list.HasErrors() {
			list = append(list, scenarios.Lint(f)...)
		}
		if len(list) > 0 {
			var out strings.Builder
			_ = diag.WriteText(&out, list, diag.Sources{"example.yaml": text}) // a Builder does not fail
			r.Errorf("line %d: the fragment does not load:\n%s", b.Line, out.String())
		}
	case b.Has("workflow"):
		r.workflow(b)
	case b.Has("ci"):
		r.pipeline(b)
	default:
		r.Errorf("line %d: a yaml block needs file=NAME, fragment, workflow or ci", b.Line)
	}
}

// matrix stands for the values that a CI service puts in.
var matrix = strings.NewReplacer("${{ matrix.shard }}", "1")

func (r *reader) workflow(b *Block) {
	var steps []struct{ Run, Uses string }
	if err := yaml.Unmarshal([]byte(b.Text), &steps); err != nil {
		r.Errorf("line %d: %v", b.Line, err)
	}
	ran := 0
	for _, s := range steps {
		for _, c := range Commands(s.Run) {
			r.shell(b, matrix.Replace(c), 0)
			ran++
		}
	}
	if ran == 0 {
		r.Errorf("line %d: a workflow without a command", b.Line)
	}
}

// pipeline runs the commands of a whole pipeline of a CI service: what stands
// under "run" or "script", wherever that is.
func (r *reader) pipeline(b *Block) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(b.Text), &root); err != nil {
		r.Errorf("line %d: %v", b.Line, err)
		return
	}
	ran := 0
	var walk func(n *yaml.Node, under string)
	walk = func(n *yaml.Node, under string) {
		switch {
		case n.Kind == yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], n.Content[i].Value)
			}
		case n.Kind == yaml.ScalarNode && (under == "run" || under == "script"):
			for _, c := range Commands(n.Value) {
				r.shell(b, matrix.Replace(c), 0)
				ran++
			}
		default:
			for _, child := range n.Content {
				walk(child, under)
			}
		}
	}
	walk(&root, "")
	if ran < 2 {
		r.Errorf("line %d: a pipeline with %d commands", b.Line, ran)
	}
}

// makefile makes the first target of a makefile.
func (r *reader) makefile(b *Block) {
	if err := os.WriteFile(filepath.Join(r.dir, "Makefile"), []byte(b.Text), 0o644); err != nil {
		r.Fatal(err)
	}
	r.shell(b, "true && make", 0) // not the make of this module, which is exempt
}

// goSource must parse: as a file, as declarations or as statements.
func (r *reader) goSource(b *Block) {
	var first error
	for _, form := range []string{b.Text, "package p\n" + b.Text, "package p\nfunc _() {\n" + b.Text + "}\n"} {
		_, err := parser.ParseFile(token.NewFileSet(), "block.go", form, 0)
		if err == nil {
			return
		}
		first = err
	}
	r.Errorf("line %d: %v", b.Line, first)
}
