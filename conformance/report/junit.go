package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
)

// The elements of a JUnit file, as CI systems read them. Times are simulated
// seconds, so that the file does not depend on the machine.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Classname  string          `xml:"classname,attr"`
		File       string          `xml:"file,attr,omitempty"`
		Line       int             `xml:"line,attr,omitempty"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Failure    *junitProblem   `xml:"failure"`
		Error      *junitProblem   `xml:"error"`
		Skipped    *junitProblem   `xml:"skipped"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",cdata"`
	}
)

// writeJUnit writes a suite for each profile and a test for each case; a case
// with several seeds is one test.
func writeJUnit(w io.Writer, r *Report) error {
	list := r.groups()
	all := junitSuites{Name: "vmprobe"}
	var total time.Duration
	for _, name := range profilesOf(list) {
		s := junitSuite{Name: "vmprobe." + name}
		var length time.Duration
		for _, g := range inProfile(list, name) {
			s.Cases = append(s.Cases, junitCaseOf(&g))
			s.count(g.Result)
			length += g.until
		}
		s.Time = decimal(length)
		total += length
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		all.Suites = append(all.Suites, s)
	}
	all.Time = decimal(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) count(r judge.Result) {
	s.Tests++
	switch r {
	case judge.Pass:
	case judge.Fail:
		s.Failures++
	case judge.Error:
		s.Errors++
	case judge.Exempt, judge.NotClaimed, judge.NotRun:
		s.Skipped++
	}
}

func junitCaseOf(g *group) junitCase {
	c := junitCase{
		Name: g.Case, Classname: "vmprobe." + g.Profile + "." + g.Scenario,
		File: g.File, Line: g.Line, Time: decimal(g.until),
	}
	add := func(name, value string) {
		if value != "" {
			c.Properties = append(c.Properties, junitProperty{name, value})
		}
	}
	add("profile", g.Profile)
	for _, id := range g.Requirements {
		add("requirement", id)
	}
	for _, b := range g.Vary {
		add("vary."+b.Name, b.Value)
	}
	for _, id := range g.unjudged() {
		add("unjudged", id)
	}
	add("seed", fmt.Sprint(g.Seed))
	add("seeds", fmt.Sprint(len(g.runs)))
	add("digest", g.TraceDigest)
	add("scenario", g.CaseDigest)
	problem := &junitProblem{Message: g.Reason, Type: string(g.Result)}
	switch g.Result {
	case judge.Pass:
	case judge.Fail:
		problem.Message, problem.Type = firstFailure(&g.Verdict)
		problem.Text = "\n" + xmlText(g.text())
		c.Failure = problem
	case judge.Error:
		problem.Text = "\n" + xmlText(g.text())
		c.Error = problem
	case judge.Exempt, judge.NotClaimed, judge.NotRun:
		problem.Message = strings.TrimSuffix(string(g.Result)+": "+g.Reason, ": ")
		problem.Type = ""
		c.Skipped = problem
	}
	return c
}

// text is the drawing of the run that decides, with the command to replay it.
func (g *group) text() string {
	for _, c := range g.runs {
		if c.Seed == g.Seed {
			c.Styled = ""
			return drawing(c)
		}
	}
	return ""
}

func firstFailure(v *judge.Verdict) (message, requirement string) {
	if len(v.Failures) == 0 {
		return v.Reason, ""
	}
	f := v.Failures[0]
	return fmt.Sprintf("%s at %s: %s", f.Requirement, oracle.Seconds(f.At), f.Message), f.Requirement
}

// decimal writes seconds with three digits, in integers.
func decimal(d time.Duration) string {
	ms := d / time.Millisecond
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// xmlText replaces what XML 1.0 cannot hold: lines of a CDATA section are
// readable, but the encoder does not look at its bytes.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r < 0xd800 || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return 0xfffd
	}, s)
}
