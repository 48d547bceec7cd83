package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
)

// sample has one of everything that is woven.
const sample = `package sample

const limit = 3

type kind uint8

const (
	none kind = iota
	some
	many
)

type box struct {
	n    int
	open bool
}

func Value(n int) int {
	b := box{n: n, open: true}
	if m := &b; n < limit && b.open {
		m.n += 2
	}
	switch of(n) {
	case none:
		return -1
	}
	k := of(n)
	switch k {
	case some, many:
		b.n = b.n * 10
	default:
		b.n--
	}
	for i := 0; i != 2; i++ {
		if i == 1 {
			continue
		}
		b.n, b.open = b.n+1, even(b.n)
	}
	return max(b.n, 0)
}

func even(n int) bool { return n%2 == 0 }

func of(n int) kind {
	if n > 5 {
		return many
	}
	return some
}
`

func sampleSource(t *testing.T) *source {
	t.Helper()
	s := &source{dir: "sample", fset: token.NewFileSet()}
	f := &sourceFile{name: "sample/sample.go", text: []byte(sample)}
	var err error
	if f.tree, err = parser.ParseFile(s.fset, f.name, f.text, parser.SkipObjectResolution); err != nil {
		t.Fatal(err)
	}
	s.files = []*sourceFile{f}
	if err := s.check([]*ast.File{f.tree}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEachKindOfChangeIsFound(t *testing.T) {
	d := find(sampleSource(t), 1, 1)
	var got []string
	for _, m := range d.mutants {
		got = append(got, fmt.Sprintf("%s: %s: %s => %s", m.function, m.operator, m.from, m.to))
	}
	for _, want := range []string{
		"limit: constant: 3 => 4", "limit: constant: 3 => 2", "limit: constant: 3 => 0",
		"Value: drop assignment: n => *new(int)", "Value: swap boolean: true => !(true)",
		"Value: condition: n < limit && b.open => true", "Value: condition: n < limit && b.open => false",
		"Value: boolean operator: n < limit && b.open => (n < limit) || b.open",
		"Value: boolean operand: n < limit && b.open => b.open",
		"Value: comparison: n < limit => n <= limit", "Value: comparison: n < limit => n >= limit",
		"Value: drop assignment: m.n += 2 => (dropped)", "Value: arithmetic: m.n += 2 => m.n -= 2",
		"Value: remove case: case some => (removed)", "Value: arithmetic: b.n * 10 => b.n / 10",
		"Value: arithmetic: b.n-- => b.n++", "Value: drop branch: continue => (dropped)",
		"Value: drop assignment: even(b.n) => b.open", "Value: minimum and maximum: max(b.n, 0) => min(b.n, 0)",
		"even: arithmetic: n%2 => n * 2", "of: constant: many => some", "of: constant: 5 => 0",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no mutant %q", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
	for _, m := range d.mutants {
		if len(m.sites) == 0 {
			t.Errorf("%s is woven in nowhere", m.key())
		}
	}
	if len(d.skipped) != 1 || !strings.Contains(d.skipped[0], "no plain name") {
		t.Errorf("skipped %q, want the switch over a call alone", d.skipped)
	}
}

// caller prints what the sample gives with each mutant of its arguments, and
// whether the survey took it for different.
const caller = `package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/vmprobe/vmprobe/hack/mutation/active"
	"github.com/vmprobe/vmprobe/sample"
)

func all() (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = "panic"
		}
	}()
	for i := range 10 {
		s += fmt.Sprint(sample.Value(i), ",")
	}
	return s
}

func main() {
	fmt.Println(0, all(), false)
	active.Mutant, active.Differs = active.Survey, make([]bool, 1000)
	all()
	for _, arg := range os.Args[1:] {
		active.Mutant, _ = strconv.Atoi(arg)
		fmt.Println(active.Mutant, all(), active.Differs[active.Mutant])
	}
}
`

// program builds a module around the woven sample.
func program(t *testing.T, text []byte) string {
	t.Helper()
	board, err := os.ReadFile("active/active.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{
		"go.mod": "module " + module + "\n\ngo 1.26\n", "hack/mutation/active/active.go": string(board),
		"sample/sample.go": string(text), "main.go": caller,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, text)
	}
	return binary
}

// The woven program is the original until a mutant is on, and the survey
// misses no mutant that gives other values.
func TestWovenProgramHoldsAllMutants(t *testing.T) {
	s := sampleSource(t)
	d := find(s, 1, 1)
	text, err := weave(s.files[0], d.sites)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, m := range d.mutants {
		if !strings.HasPrefix(m.text, "for ") { // some of those never end
			args = append(args, fmt.Sprint(m.number))
		}
	}
	out, err := exec.Command(program(t, text), args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	const original = "21,31,41,31,41,51,61,71,81,91,"
	different := 0
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		if i == 0 {
			if fields[1] != original {
				t.Fatalf("without a mutant: %s, want %s", fields[1], original)
			}
			continue
		}
		if fields[1] == original {
			continue
		}
		different++
		if fields[2] != "true" {
			t.Errorf("mutant %s gives %s and the survey did not see it", fields[0], fields[1])
		}
	}
	if different < len(args)/2 {
		t.Errorf("only %d of %d mutants give other values", different, len(args))
	}
}

func TestEquivalentsAreBoundToTheSource(t *testing.T) {
	list, err := parseEquivalents("# why\na/b.go f | x < y | x < y => x <= y\na/c.go g | *\n  they are never equal,\n  by law\n\na/b.go h | z | z => 0\n  other\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := list["a/c.go g | *"]; got != "they are never equal, by law" {
		t.Errorf("reason %q", got)
	}
	one := &mutant{file: "a/b.go", function: "f", text: "x < y", from: "x < y", to: "x <= y", nth: 1}
	idle := &mutant{file: "a/c.go", function: "g", text: "t", from: "1", to: "2", nth: 1}
	for _, c := range []struct {
		name    string
		mutant  *mutant
		verdict string
		reach   int
		want    string
	}{
		{"survivor", one, protocol.Survived, 5, one.key()},
		{"killed", one, protocol.Failed, 5, ""},
		{"pattern", idle, protocol.Survived, 0, "a/c.go g | *"},
		{"pattern, but it changes a value", idle, protocol.Survived, 1, ""},
	} {
		if got := list.entry(c.mutant, &protocol.Result{Verdict: c.verdict, Reaching: c.reach}); got != c.want {
			t.Errorf("%s: entry %q, want %q", c.name, got, c.want)
		}
	}
	used := map[string]bool{one.key(): true}
	if got := list.stale([]string{"a"}, used); !slices.Equal(got, []string{"a/b.go h | z | z => 0", "a/c.go g | *"}) {
		t.Errorf("stale %q", got)
	}
	if got := list.stale([]string{"b"}, used); got != nil {
		t.Errorf("stale %q of a package that was not mutated", got)
	}
	for _, bad := range []string{"a/b.go f | x", " reason first", "a\n r\na\n r\n"} {
		if _, err := parseEquivalents(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestTheGate(t *testing.T) {
	o := options{minimum: 95}
	for _, c := range []struct {
		name string
		r    report
		ok   bool
	}{
		{"enough", report{Packages: []tally{{Package: "a", Mutants: 100, Percent: 95}}}, true},
		{"too few", report{Packages: []tally{{Package: "a", Mutants: 100, Percent: 94.9}}}, false},
		{"stale", report{Packages: []tally{{Package: "a", Mutants: 100, Percent: 100}}, Stale: []string{"x"}}, false},
		{"all equivalent", report{Packages: []tally{{Package: "a", Mutants: 3, Equivalent: 3}}}, true},
	} {
		if err := o.gate(&c.r); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
