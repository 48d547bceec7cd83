// Package report writes what became of a run of the suite, for people and for
// machines: text, json, yaml, junit, github annotations, markdown, html. All formats
// come from one [Report]; the same report gives the same bytes, for there is
// no wall clock in it.
package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/claims"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Report is a run of the suite.
type Report struct {
	Tool           Tool
	Implementation Implementation
	Run            Run
	Cases          []Case // in any order; formats sort them
	// Requirements is the size of the catalogue; 0: not known. Excluded are
	// the ids that no run can observe.
	Requirements int
	Excluded     []string
	// Mutants is the catalogue of wrong probers that the suite is proved by;
	// nil: not known.
	Mutants *Mutants
	// Provenance is when and where the report was made; nil, as by default,
	// leaves nothing in it that a second run would not repeat.
	Provenance *Provenance
	// Verbose adds the timelines of passing cases to text.
	Verbose bool
}

// Tool is the suite that judged.
type Tool struct {
	Version      string `json:"version" yaml:"version"`
	Commit       string `json:"commit,omitempty" yaml:"commit,omitempty"`
	Requirements string `json:"requirements,omitempty" yaml:"requirements,omitempty"` // version of the catalogue: v1
	// Cases and Digest are the number of all selected cases and the sha256
	// over their ids and the digests of their files, shards together. Of a
	// whole run the report computes both.
	Cases  int    `json:"cases,omitempty" yaml:"cases,omitempty"`
	Digest string `json:"digest,omitempty" yaml:"digest,omitempty"`
}

// Mutants says by which catalogue of wrong probers the suite is proved.
type Mutants struct {
	Total  int    `json:"total" yaml:"total"`
	Digest string `json:"digest" yaml:"digest"`
}

// Provenance is what a second run of the same selection does not repeat. It is
// not part of the digest.
type Provenance struct {
	Started  string `json:"started" yaml:"started"`   // RFC 3339, UTC
	Seconds  string `json:"seconds" yaml:"seconds"`   // wall clock, "2.3"
	Platform string `json:"platform" yaml:"platform"` // linux/amd64
	Go       string `json:"go" yaml:"go"`             // version of the compiler
}

// Implementation is the prober under test.
type Implementation struct {
	Name         string `json:"name" yaml:"name"`
	Organization string `json:"organization,omitempty" yaml:"organization,omitempty"`
	Version      string `json:"version,omitempty" yaml:"version,omitempty"`
	Language     string `json:"language,omitempty" yaml:"language,omitempty"`
	URL          string `json:"url,omitempty" yaml:"url,omitempty"`
	// Command is how it was started, as for a shell; empty: in process. Files
	// are those that it is made of, Digest is that of all of them together, see
	// package artifact.
	Command string          `json:"command,omitempty" yaml:"command,omitempty"`
	Files   []artifact.File `json:"files,omitempty" yaml:"files,omitempty"`
	Digest  string          `json:"digest,omitempty" yaml:"digest,omitempty"`
}

// Wall is the mode of runs in real time; the other one is "virtual".
const Wall = "wall"

// Run says how the suite was run.
type Run struct {
	Testbed   string   `json:"testbed" yaml:"testbed"`               // sim, loopback, ...
	Door      string   `json:"door,omitempty" yaml:"door,omitempty"` // lockstep, ...; empty: in process
	Mode      string   `json:"mode" yaml:"mode"`                     // virtual or wall
	Seeds     int      `json:"seeds" yaml:"seeds"`
	FirstSeed uint64   `json:"firstSeed" yaml:"firstSeed"`
	Shard     string   `json:"shard" yaml:"shard"`                         // "all" or "2/8"
	Claimed   []string `json:"claimed,omitempty" yaml:"claimed,omitempty"` // claims, as core
	// Canaries are the features that were offered to the prober and do not
	// exist: it claimed none of them.
	Canaries []string `json:"canaries,omitempty" yaml:"canaries,omitempty"`
	// KnownFailing is the file of failures that were accepted; nil: none.
	KnownFailing *KnownFailing `json:"knownFailing,omitempty" yaml:"knownFailing,omitempty"`
	// View is from where the runs were watched: wire or guest; empty: from
	// inside the prober.
	View string `json:"view,omitempty" yaml:"view,omitempty"`
	// Interrupted tells that the run did not come to its end.
	Interrupted bool `json:"interrupted,omitempty" yaml:"interrupted,omitempty"`
}

// KnownFailing is a file of accepted failures, see package known.
type KnownFailing struct {
	Entries int    `json:"entries" yaml:"entries"`
	Digest  string `json:"digest" yaml:"digest"` // of its bytes
}

// String says how many; empty: there is no list.
func (k *KnownFailing) String() string {
	if k == nil {
		return ""
	}
	return fmt.Sprintf("%d entries, %s", k.Entries, k.Digest)
}

// Case is one case with one seed.
type Case struct {
	judge.Verdict
	// Timeline is the drawing in plain ASCII, may be empty; Styled is the
	// same with the colours of a terminal, for text only.
	Timeline, Styled string
	// Picture is the run as lanes, for html; nil when nothing ran or nobody
	// asked for it.
	Picture *lanes.Picture `json:",omitempty"`
	// Claims are those that the case belongs to, when the prober makes claims.
	Claims []string `json:",omitempty"`
	// Notes are what else must be known of the run: what the testbed changed in the
	// manifests.
	Notes []string `json:",omitempty"`
}

// Plain is the report without the colours of a terminal.
func (r *Report) Plain() *Report {
	plain := *r
	plain.Cases = slices.Clone(r.Cases)
	for i := range plain.Cases {
		plain.Cases[i].Styled = ""
	}
	return &plain
}

// format is one way to write a report.
type format struct {
	name  string
	write func(io.Writer, *Report) error
}

// HTML is the format that draws [Case.Picture].
const HTML = "html"

func formats() []format {
	return []format{
		{"text", writeText},
		{"json", writeJSON},
		{"yaml", writeYAML},
		{"junit", writeJUnit},
		{"github", writeGitHub},
		{"markdown", writeMarkdown},
		{HTML, writeHTML},
	}
}

// Formats lists the names of the formats.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// ErrFormat is the error of an unknown format.
var ErrFormat = errors.New("unknown report format")

// CheckFormat returns an error that names the format meant, for flags.
func CheckFormat(name string) error {
	if slices.Contains(Formats(), name) {
		return nil
	}
	return fmt.Errorf("%w %q: %s", ErrFormat, name, diag.DidYouMean(name, Formats()))
}

// Write writes the report in a format.
func Write(name string, w io.Writer, r *Report) error {
	if err := CheckFormat(name); err != nil {
		return err
	}
	for _, f := range formats() {
		if f.name == name {
			if err := f.write(w, r); err != nil {
				return fmt.Errorf("write %s report: %w", name, err)
			}
		}
	}
	return nil
}

// group is one case with all its seeds.
type group struct {
	judge.Verdict // of the worst seed, the first one of these
	runs          []Case
	until         time.Duration // of all runs together
}

// rank orders results from the best to the worst.
func rank(r judge.Result) int {
	return slices.Index([]judge.Result{judge.Pass, judge.NotClaimed, judge.NotRun, judge.Exempt, judge.Fail, judge.Error}, r)
}

// groups brings the runs of a case together, sorted by scenario, bindings and
// profile. The order of Cases does not matter.
func (r *Report) groups() []group {
	cases := slices.Clone(r.Cases)
	slices.SortStableFunc(cases, func(a, b Case) int {
		return cmp.Or(
			cmp.Compare(a.Scenario, b.Scenario),
			cmp.Compare(profileRank(a.Profile), profileRank(b.Profile)), cmp.Compare(a.Profile, b.Profile),
			cmp.Compare(a.Verdict.Case, b.Verdict.Case), cmp.Compare(a.Seed, b.Seed),
		)
	})
	var list []group
	for _, c := range cases {
		n := len(list) - 1
		if n < 0 || list[n].Case != c.Verdict.Case {
			list = append(list, group{Verdict: c.Verdict})
			n++
		}
		g := &list[n]
		if rank(c.Result) > rank(g.Result) {
			g.Verdict = c.Verdict
		}
		g.runs = append(g.runs, c)
		g.until += c.Until
	}
	return list
}

func profileRank(name string) int {
	return slices.Index(probes.ProfileNames(), probes.ProfileName(name))
}

// Result of a whole report.
type Result string

// The results of a report.
const (
	Conformant    Result = "conformant"     // every case that is claimed passed
	Partial       Result = "partial"        // nothing failed, something that is claimed did not pass
	NonConformant Result = "non-conformant" // something failed
	Broken        Result = "error"          // something could not be judged, or nothing ran
	Unclaimed     Result = "not-claimed"    // nothing of it is claimed
)

// counts are the cases of a part of a report by result.
type counts map[judge.Result]int

func (c counts) total() int {
	n := 0
	for _, r := range judge.Results() {
		n += c[r]
	}
	return n
}

// result is the verdict on what is claimed.
func (c counts) result() Result {
	claimed := c.total() - c[judge.NotClaimed]
	switch {
	case c[judge.Error] > 0 || c.total() == 0:
		return Broken
	case claimed == 0:
		return Unclaimed
	case c[judge.Fail] > 0:
		return NonConformant
	case c[judge.Pass] < claimed:
		return Partial
	}
	return Conformant
}

// Result is the verdict of the whole report. A run without cases is an error:
// it shows nothing.
func (r *Report) Result() Result { return r.verdict(r.groups()) }

// verdict is that on all the groups. What was interrupted does not conform,
// whatever it came to.
func (r *Report) verdict(list []group) Result {
	res := countOf(list).result()
	if r.Run.Interrupted && res == Conformant {
		return Partial
	}
	return res
}

// ResultWords are the results of a report.
func ResultWords() []string {
	var words []string
	for _, r := range []Result{Conformant, Partial, NonConformant, Broken, Unclaimed} {
		words = append(words, string(r))
	}
	return words
}

func countOf(list []group) counts {
	c := counts{}
	for i := range list {
		c[list[i].Result]++
	}
	return c
}

// profilesOf lists the profiles of the groups in the order of reports.
func profilesOf(list []group) []string {
	var names []string
	for i := range list {
		names = append(names, list[i].Profile)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(profileRank(a), profileRank(b)), cmp.Compare(a, b)) })
	return slices.Compact(names)
}

func inProfile(list []group, name string) []group {
	var part []group
	for _, g := range list {
		if g.Profile == name {
			part = append(part, g)
		}
	}
	return part
}

// claimsOf lists the claims of the groups in the order of reports; none when
// the prober makes no claims.
func claimsOf(list []group) []string {
	var names []string
	for _, c := range claims.All() {
		if len(inClaim(list, string(c))) > 0 {
			names = append(names, string(c))
		}
	}
	return names
}

func inClaim(list []group, name string) []group {
	var part []group
	for _, g := range list {
		if slices.Contains(g.runs[0].Claims, name) {
			part = append(part, g)
		}
	}
	return part
}

// covered lists the requirements that the groups name, broken those that
// failures name.
func covered(list []group) (named, broken []string) {
	for i := range list {
		named = append(named, list[i].Requirements...)
		for _, c := range list[i].runs {
			for _, f := range c.Failures {
				// Bytes that are not UTF-8 are one rune each, as in JSON.
				broken = append(broken, string([]rune(f.Requirement)))
			}
		}
	}
	slices.Sort(named)
	slices.Sort(broken)
	return slices.Compact(named), slices.Compact(broken)
}
