package report_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// element is any XML element with its place in the file.
type element struct {
	name     string
	attrs    map[string]string
	text     string
	children []*element
}

func (e *element) all(name string) (list []*element) {
	for _, c := range e.children {
		if c.name == name {
			list = append(list, c)
		}
	}
	return list
}

func parseXML(t *testing.T, text string) *element {
	t.Helper()
	root := &element{}
	stack := []*element{root}
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		if token == nil {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
}

// grammar is the common subset of JUnit that CI systems read, after the schema
// of Jenkins' xUnit plugin and the list of testmoapp/junitxml: children and
// attributes, with "!" when required.
var grammar = map[string]struct{ children, attrs []string }{
	"":           {[]string{"testsuites"}, nil},
	"testsuites": {[]string{"testsuite"}, []string{"name!", "tests!", "failures!", "errors!", "skipped", "time!"}},
	"testsuite":  {[]string{"testcase"}, []string{"name!", "tests!", "failures!", "errors!", "skipped!", "time!"}},
	"testcase":   {[]string{"properties", "failure", "error", "skipped"}, []string{"name!", "classname!", "file", "line", "time!"}},
	"properties": {[]string{"property"}, nil},
	"property":   {nil, []string{"name!", "value!"}},
	"failure":    {nil, []string{"message!", "type!"}},
	"error":      {nil, []string{"message!", "type!"}},
	"skipped":    {nil, []string{"message!", "type"}},
}

func checkShape(t *testing.T, e *element) {
	t.Helper()
	g := grammar[e.name]
	for _, c := range e.children {
		if !slices.Contains(g.children, c.name) {
			t.Errorf("<%s> in <%s>", c.name, e.name)
			continue
		}
		checkShape(t, c)
	}
	for _, a := range g.attrs {
		if name, required := strings.CutSuffix(a, "!"); required {
			if _, ok := e.attrs[name]; !ok {
				t.Errorf("<%s> without %s", e.name, name)
			}
		}
	}
	for name := range e.attrs {
		if !slices.Contains(g.attrs, name) && !slices.Contains(g.attrs, name+"!") {
			t.Errorf("<%s %s>", e.name, name)
		}
	}
}

// TestJUnitShape holds the file to the grammar that CI systems read, its
// counts to its cases, and each case to what a reader needs: file and line,
// properties, and the replay command where it failed.
func TestJUnitShape(t *testing.T) {
	root := parseXML(t, render(t, "junit", sample()))
	checkShape(t, root)
	suites := root.children[0]
	totals := map[string]int{}
	for _, s := range suites.all("testsuite") {
		counts := map[string]int{"tests": len(s.all("testcase"))}
		for _, c := range s.all("testcase") {
			for _, kind := range []string{"failure", "error", "skipped"} {
				counts[map[string]string{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += len(c.all(kind))
			}
			checkCase(t, c)
		}
		for _, name := range []string{"tests", "failures", "errors", "skipped"} {
			totals[name] += counts[name]
			if s.attrs[name] != fmt.Sprint(counts[name]) {
				t.Errorf("suite %s: %s is %s, want %d", s.attrs["name"], name, s.attrs[name], counts[name])
			}
		}
	}
	for name, n := range totals {
		if suites.attrs[name] != fmt.Sprint(n) {
			t.Errorf("%s is %s, want %d", name, suites.attrs[name], n)
		}
	}
	if totals["tests"] != 6 || totals["failures"] != 1 || totals["errors"] != 1 || totals["skipped"] != 2 {
		t.Errorf("totals %v", totals)
	}
}

func checkCase(t *testing.T, c *element) {
	t.Helper()
	name := c.attrs["name"]
	if !strings.HasSuffix(c.attrs["file"], ".yaml") || c.attrs["line"] != "30" {
		t.Errorf("%s: file %q, line %q", name, c.attrs["file"], c.attrs["line"])
	}
	properties := map[string]bool{}
	for _, p := range c.all("properties") {
		for _, one := range p.children {
			properties[one.attrs["name"]] = true
		}
	}
	for _, want := range []string{"profile", "requirement", "seed", "digest", "scenario"} {
		if !properties[want] {
			t.Errorf("%s: no property %s", name, want)
		}
	}
	for _, f := range append(c.all("failure"), c.all("error")...) {
		if !strings.Contains(f.text, name) {
			t.Errorf("%s: the text does not name the case", name)
		}
	}
	for _, f := range c.all("error") {
		if f.attrs["type"] != string(judge.Error) || !strings.Contains(f.text, "replay: vmprobe replay "+name+" --seed") {
			t.Errorf("%s: %v %s", name, f.attrs, f.text)
		}
	}
}

// schema10 is the structure of junit-10.xsd of Jenkins' xUnit plugin, as far as
// it is used here. Its elements are in any order.
var schema10 = map[string]struct{ children, attrs string }{
	"":           {"testsuites", ""},
	"testsuites": {"testsuite", "name time tests failures errors"},
	"testsuite":  {"testsuite properties testcase system-out system-err", "name! tests! failures! errors! group time skipped timestamp hostname id package file log url"},
	"testcase":   {"skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err", "name! time classname group"},
	"properties": {"property", ""},
	"property":   {"", "name! value!"},
	"failure":    {"", "type message"},
	"error":      {"", "type message"},
	"skipped":    {"", "type message"},
}

var surefireTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?$`)

// beyond lists what a file has that the schema does not know.
func beyond(t *testing.T, e *element, found map[string]bool) {
	t.Helper()
	g, words := schema10[e.name], strings.Fields
	for _, c := range e.children {
		if !slices.Contains(words(g.children), c.name) {
			found[e.name+"/"+c.name] = true
		}
		beyond(t, c, found)
	}
	for _, a := range words(g.attrs) {
		if name, required := strings.CutSuffix(a, "!"); required && e.attrs[name] == "" {
			t.Errorf("<%s> without %s", e.name, name)
		}
	}
	for name, value := range e.attrs {
		if !slices.Contains(words(strings.ReplaceAll(g.attrs, "!", "")), name) {
			found[e.name+"@"+name] = true
		}
		if name == "time" && !surefireTime.MatchString(value) {
			t.Errorf("<%s time=%q>", e.name, value)
		}
	}
}

// TestJUnitSchema holds the files to junit-10.xsd. They go beyond it in what
// GitLab, GitHub and Jenkins' own JUnit step read, and in nothing else.
func TestJUnitSchema(t *testing.T) {
	found := map[string]bool{}
	for _, make := range samples() {
		beyond(t, parseXML(t, render(t, "junit", make())), found)
	}
	want := []string{"testcase/properties", "testcase@file", "testcase@line", "testsuites@skipped"}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("beyond the schema: %v, want %v", got, want)
	}
}
