// Package html writes the report of a run as one HTML file: the verdict, the
// profiles, what is broken, and each case with its timeline in SVG. The file
// needs no network and no script; a small script adds filters. The same report
// gives the same bytes.
//
// report.html is the page, report.css and report.js are what it brings beside
// package page, figure.go turns the lanes of a run into SVG.
package html

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/report/page"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
)

// Report is what the page shows. Everything in it is text, in the order in
// which it is shown.
type Report struct {
	Result   string // conformant, partial, non-conformant, error
	Summary  string // "2115 of 2118 cases passed"
	Facts    []Fact
	Results  []string // the columns of Profiles and the groups of cases
	Profiles []Profile
	Broken   []Broken
	Cases    []Case
}

// Fact is a line about the run: which prober, which suite, how.
type Fact struct{ Name, Value string }

// Profile is the sum of one profile.
type Profile struct {
	Name   string
	Result string
	Counts []int // one for each of Results
}

// Broken is a requirement that failures name.
type Broken struct {
	ID, Title string
	Cases     int
	First     string // id of the first such case
}

// Case is one case with all its seeds; the picture is of the run that decides.
type Case struct {
	ID, Name, Profile, Title string
	Result                   string
	Reason                   string // of everything but pass and fail
	Requirements             []string
	Unjudged                 []string // of these, from where the run was watched
	File                     string
	Line                     int
	Seed                     uint64 // of the run that decides
	Runs                     []Run
	Failures                 []Failure
	Replay                   string
	Trace                    string // digest of the trace
	// Picture is nil when nothing ran or no trace is known.
	Picture *lanes.Picture
}

// Run is one seed of a case.
type Run struct {
	Seed   uint64
	Result string
}

// Failure is one breach of a requirement.
type Failure struct {
	Requirement, At, Who, Message, Want string
	Nanos                               int64 // At, in nanoseconds
	VM                                  string
}

//go:embed report.html
var text string

//go:embed report.css
var style string

//go:embed report.js
var script string

var layout = template.Must(template.New("report").Funcs(template.FuncMap{
	"figures": figures, "share": share, "legend": legend, "limit": limit,
}).Parse(text))

// group is the cases of one result.
type group struct {
	Result string
	Cases  []*Case
	Open   int // how many of them are shown open
}

// maxOpen bounds the cases that are shown open.
const maxOpen = 20

// maxFailures bounds the failures of one case that are shown.
const maxFailures = 10

// Write writes the page.
func Write(w io.Writer, r *Report) error {
	out := bufio.NewWriterSize(w, 1<<16)
	p := page.Page{
		Title: fmt.Sprintf("vmprobe: %s, %s", r.Result, r.Summary), Note: "conformance report",
		Style: style, Script: script,
		Body: func(w io.Writer) error { return r.body(w) },
	}
	if err := p.Write(out); err != nil {
		return err
	}
	return out.Flush()
}

func (r *Report) body(w io.Writer) error {
	data := struct {
		*Report
		Groups       []group
		Requirements []string
		Total        int
	}{Report: r, Total: len(r.Cases)}
	if err := layout.ExecuteTemplate(w, "head", data); err != nil {
		return err
	}
	for i := range r.Cases {
		data.Requirements = append(data.Requirements, r.Cases[i].Requirements...)
	}
	slices.Sort(data.Requirements)
	data.Requirements = slices.Compact(data.Requirements)
	data.Groups = r.groups()
	return layout.ExecuteTemplate(w, "cases", data)
}

// groups puts what needs a look first.
func (r *Report) groups() []group {
	var list []group
	for _, result := range r.Results {
		g := group{Result: result}
		for i := range r.Cases {
			if r.Cases[i].Result == result {
				g.Cases = append(g.Cases, &r.Cases[i])
			}
		}
		if result == "fail" || result == "error" {
			g.Open = maxOpen
		}
		if len(g.Cases) > 0 {
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, func(a, b group) int { return cmp.Compare(urgency(a.Result), urgency(b.Result)) })
	return list
}

func urgency(result string) int {
	return slices.Index([]string{"pass", "exempt", "not-claimed", "not-run", "fail", "error"}, result) * -1
}

// limit cuts a list of failures off.
func limit(list []Failure) []Failure { return list[:min(len(list), maxFailures)] }

// part is a piece of the bar of a profile, in thousandths of its width.
type part struct {
	Class string
	X, W  int
	Title string
}

// share divides the bar of a profile among its results; what is not zero is
// wide enough to be seen.
func share(results []string, counts []int) []part {
	total := 0
	for _, n := range counts {
		total += n
	}
	var list []part
	x := 0
	for i, n := range counts {
		if n == 0 {
			continue
		}
		list = append(list, part{results[i], x, max(n*1000/total, 12), fmt.Sprintf("%d %s", n, results[i])})
		x += list[len(list)-1].W
	}
	for i := range list { // the rounding up may have made it too wide
		list[i].X = list[i].X * 1000 / x
		list[i].W = list[i].W * 1000 / x
	}
	return list
}
