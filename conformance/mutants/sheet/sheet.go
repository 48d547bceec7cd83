// Package sheet writes a kill matrix as one HTML file: every mutant with the
// requirement that it breaks and the cases that kill it, every scenario with
// what it kills, and both against each other as a picture. The file needs no
// network and no script; a small script sorts and filters. The same matrix
// gives the same bytes.
package sheet

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/report/page"
	"github.com/vmprobe/vmprobe/conformance/requirements"
)

var (
	//go:embed sheet.html
	text string
	//go:embed sheet.css
	style string
	//go:embed sheet.js
	script string
)

var body = template.Must(template.New("sheet").Parse(text))

// view is what the template shows.
type view struct {
	Result, Summary string
	Facts           []fact
	Problems        []string
	Mutants         []mutant
	Scenarios       []scenario
	Grid            grid
}

type fact struct{ Name, Value string }

type mutant struct {
	Name, Requirement, Title, Area, Wrong, Source string
	Result                                        string // killed or survives
	Detail                                        string // of a survivor
	Order                                         int    // in the catalogue
	Scenarios                                     int    // that kill it
	Kills                                         []kill
}

type kill struct{ Case, Seeds string }

type scenario struct {
	Name  string
	Kills []string
}

// grid is the picture: a column for each scenario, a row for each mutant.
type grid struct {
	Width, Height int
	Path          template.HTMLAttr
	Label         string
}

// cell is the edge of a cell of the grid, in units of the picture.
const cell = 3

// Write writes the page.
func Write(w io.Writer, m *mutants.Matrix) error {
	v := build(m)
	return page.Page{
		Title: "Kill matrix: " + v.Summary, Note: "kill matrix", Style: style, Script: script,
		Body: func(w io.Writer) error { return body.Execute(w, v) },
	}.Write(w)
}

func build(m *mutants.Matrix) *view {
	v := &view{Result: "proved", Problems: problems(m)}
	if !m.Proved() {
		v.Result = "not proved"
	}
	killed := len(m.Rows) - m.Survivors()
	v.Summary = fmt.Sprintf("%d of %d mutants killed at every seed for the requirement that they break", killed, len(m.Rows))
	claims, broken := m.Claims()
	examined := "claims, then until each seed has a killer"
	if m.Full {
		examined = "every mutant against every scenario"
	}
	v.Facts = []fact{
		{"claims that hold", fmt.Sprintf("%d of %d", claims-broken, claims)},
		{"cases", fmt.Sprint(m.Cases)},
		{"seeds", fmt.Sprint(m.Seeds)},
		{"runs", fmt.Sprintf("%d, and %d that the mutant could not change", m.Runs, m.Spared)},
		{"examined", examined},
		{"digest", m.Digest},
	}
	for i := range m.Rows {
		v.Mutants = append(v.Mutants, row(&m.Rows[i], i))
	}
	v.Scenarios = byScenario(m)
	v.Grid = draw(m, v.Scenarios)
	return v
}

// problems are what keeps the matrix from being a proof, one line each.
func problems(m *mutants.Matrix) []string {
	var list []string
	for i := range m.Rows {
		r := &m.Rows[i]
		if !r.Killed && r.Invisible == "" {
			list = append(list, fmt.Sprintf("%s survives at seeds %s", r.Mutant, seeds(r.Survives)))
		}
		for _, c := range r.Claims {
			if len(c.Survives) > 0 {
				list = append(list, fmt.Sprintf("%s claims to kill %s, which survives it at seeds %s", c.Scenario, r.Mutant, seeds(c.Survives)))
			}
		}
	}
	for _, lack := range []struct {
		what  string
		names []string
	}{
		{"no killed mutant breaks", m.Unkilled}, {"no kill is claimed by", m.Claimless}, {"fails without any mutant:", m.Failing},
	} {
		for _, name := range lack.names {
			list = append(list, lack.what+" "+name)
		}
	}
	return list
}

func row(r *mutants.Row, order int) mutant {
	about, _ := requirements.Lookup(r.Requirement)
	x := mutant{
		Name: r.Mutant, Requirement: r.Requirement, Title: about.Title, Area: string(about.Area), Wrong: r.Wrong, Source: r.Source,
		Result: "killed", Order: order,
	}
	if !r.Killed {
		x.Result, x.Detail = "survives", cmp.Or(r.Invisible, "at seeds "+seeds(r.Survives))
	}
	if r.Misnamed != nil {
		x.Detail += fmt.Sprintf("; %s fails, but for %s: %s", r.Misnamed.Case, r.Misnamed.Requirement, r.Misnamed.Message)
	}
	var by []string
	for _, k := range r.Kills {
		x.Kills = append(x.Kills, kill{k.Case, seeds(k.Seeds)})
		if !slices.Contains(by, k.Scenario) {
			by = append(by, k.Scenario)
		}
	}
	x.Scenarios = len(by)
	return x
}

func seeds(list []uint64) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = fmt.Sprint(s)
	}
	return strings.Join(words, ", ")
}

// byScenario turns the matrix round, sorted by name.
func byScenario(m *mutants.Matrix) []scenario {
	kills := map[string][]string{}
	for i := range m.Rows {
		for _, k := range m.Rows[i].Kills {
			if !slices.Contains(kills[k.Scenario], m.Rows[i].Mutant) {
				kills[k.Scenario] = append(kills[k.Scenario], m.Rows[i].Mutant)
			}
		}
	}
	list := make([]scenario, 0, len(kills))
	for name, of := range kills {
		list = append(list, scenario{name, of})
	}
	slices.SortFunc(list, func(a, b scenario) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func draw(m *mutants.Matrix, list []scenario) grid {
	column := map[string]int{}
	for i := range list {
		column[list[i].Name] = i
	}
	var path strings.Builder
	for y := range m.Rows {
		seen := map[int]bool{}
		for _, k := range m.Rows[y].Kills {
			if x := column[k.Scenario]; !seen[x] {
				seen[x] = true
				fmt.Fprintf(&path, "M%d %dh%d", x*cell, y*cell+cell/2, cell-1)
			}
		}
	}
	return grid{
		Width: max(len(list), 1) * cell, Height: max(len(m.Rows), 1) * cell,
		// Only digits and letters of our own.
		Path:  template.HTMLAttr(`d="` + path.String() + `"`), //nolint:gosec // own text
		Label: fmt.Sprintf("%d mutants against %d scenarios", len(m.Rows), len(list)),
	}
}
