package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// The version and the kind of the document.
const (
	APIVersion = "vmprobe.dev/v1alpha1"
	Kind       = "ConformanceReport"
)

// document is the ConformanceReport, in the order of its fields. With the
// traces of its runs it holds everything that the other formats show.
type document struct {
	APIVersion     string         `json:"apiVersion" yaml:"apiVersion"`
	Kind           string         `json:"kind" yaml:"kind"`
	Suite          Tool           `json:"suite" yaml:"suite"`
	Implementation Implementation `json:"implementation" yaml:"implementation"`
	Run            Run            `json:"run" yaml:"run"`
	Result         Result         `json:"result" yaml:"result"`
	Profiles       []docProfile   `json:"profiles" yaml:"profiles"`
	Claims         []docProfile   `json:"claims,omitempty" yaml:"claims,omitempty"`
	Cases          []docCase      `json:"cases" yaml:"cases"`
	Requirements   docRules       `json:"requirements" yaml:"requirements"`
	Mutants        *Mutants       `json:"mutants,omitempty" yaml:"mutants,omitempty"`
	// Digest is the sha256 of the compact JSON of everything above.
	Digest     string      `json:"digest,omitempty" yaml:"digest,omitempty"`
	Provenance *Provenance `json:"provenance,omitempty" yaml:"provenance,omitempty"`
}

// Document is an empty document, for those who describe its shape.
func Document() any { return document{} }

// docProfile counts the cases of a profile, or of a claim.
type docProfile struct {
	Name       string `json:"name" yaml:"name"`
	Required   int    `json:"required" yaml:"required"`
	Passed     int    `json:"passed" yaml:"passed"`
	Failed     int    `json:"failed" yaml:"failed"`
	Error      int    `json:"error" yaml:"error"`
	Exempt     int    `json:"exempt" yaml:"exempt"`
	NotClaimed int    `json:"notClaimed" yaml:"notClaimed"`
	NotRun     int    `json:"notRun" yaml:"notRun"`
	Result     Result `json:"result" yaml:"result"`
}

// docCase is one case with all its seeds.
type docCase struct {
	ID           string       `json:"id" yaml:"id"`
	Title        string       `json:"title,omitempty" yaml:"title,omitempty"`
	Profile      string       `json:"profile" yaml:"profile"`
	Vary         []docBinding `json:"vary,omitempty" yaml:"vary,omitempty"`
	File         string       `json:"file,omitempty" yaml:"file,omitempty"`
	Line         int          `json:"line,omitempty" yaml:"line,omitempty"`
	Digest       string       `json:"digest,omitempty" yaml:"digest,omitempty"` // of the file
	Requirements []string     `json:"requirements,omitempty" yaml:"requirements,omitempty"`
	Claims       []string     `json:"claims,omitempty" yaml:"claims,omitempty"` // that the case belongs to
	Result       docResult    `json:"result" yaml:"result"`                     // of the worst run
	Reason       string       `json:"reason,omitempty" yaml:"reason,omitempty"` // of that run
	Runs         []docRun     `json:"runs" yaml:"runs"`
	Failures     []docFailure `json:"failures,omitempty" yaml:"failures,omitempty"`
	// Exemptions are why failures are accepted, of all runs together.
	Exemptions []docExemption `json:"exemptions,omitempty" yaml:"exemptions,omitempty"`
	// Silent is what nobody could judge from where the runs were watched, of all
	// runs together. It is no praise.
	Silent []docSilence `json:"silent,omitempty" yaml:"silent,omitempty"`
}

// docSilence is what nobody could judge, for one reason.
type docSilence struct {
	Why          string   `json:"why" yaml:"why"`
	Requirements []string `json:"requirements" yaml:"requirements"`
}

// docExemption is why a failure under a requirement is accepted.
type docExemption struct {
	Requirement string `json:"requirement" yaml:"requirement"`
	Reason      string `json:"reason" yaml:"reason"`
	Issue       string `json:"issue" yaml:"issue"`
	Expires     string `json:"expires" yaml:"expires"` // the last day
}

// docBinding is the value of a vary name.
type docBinding struct {
	Name  string `json:"name" yaml:"name"`
	Value string `json:"value" yaml:"value"`
}

// docRun is a case with one seed.
type docRun struct {
	Seed   uint64    `json:"seed" yaml:"seed"`
	Result docResult `json:"result" yaml:"result"`
	Reason string    `json:"reason,omitempty" yaml:"reason,omitempty"` // of everything but pass and fail
	Until  seconds   `json:"until" yaml:"until"`                       // simulated length
	Trace  string    `json:"trace,omitempty" yaml:"trace,omitempty"`   // its logical digest
	Notes  []string  `json:"notes,omitempty" yaml:"notes,omitempty"`   // what the testbed changed in the manifests
}

// docFailure is one breach of an expectation or a requirement. Those of a run
// are sorted: the first one is the first divergence.
type docFailure struct {
	Requirement string  `json:"requirement" yaml:"requirement"`
	Seed        uint64  `json:"seed" yaml:"seed"`
	At          seconds `json:"at" yaml:"at"` // since the start of the run
	VM          string  `json:"vm,omitempty" yaml:"vm,omitempty"`
	Instance    int32   `json:"instance,omitempty" yaml:"instance,omitempty"` // of the container, from 1
	Probe       string  `json:"probe,omitempty" yaml:"probe,omitempty"`
	Message     string  `json:"message" yaml:"message"`
	Want        string  `json:"want,omitempty" yaml:"want,omitempty"`
	Window      string  `json:"window,omitempty" yaml:"window,omitempty"`
	Event       int     `json:"event" yaml:"event"`   // of the trace, from 0; -1: what did not happen
	Replay      string  `json:"replay" yaml:"replay"` // the command that runs it again
}

// docRules counts the requirements of the catalogue.
type docRules struct {
	Total    int      `json:"total,omitempty" yaml:"total,omitempty"`
	Covered  int      `json:"covered" yaml:"covered"`
	Excluded []string `json:"excluded,omitempty" yaml:"excluded,omitempty"`
	Broken   []string `json:"broken" yaml:"broken"`
}

// document gives the report its form and its digest.
func (r *Report) document() (*document, error) {
	list := r.groups()
	named, broken := covered(list)
	if broken == nil {
		broken = []string{}
	}
	d := &document{
		APIVersion: APIVersion, Kind: Kind,
		Suite: r.Tool, Implementation: r.Implementation, Run: r.Run,
		Result: r.verdict(list), Profiles: []docProfile{}, Cases: []docCase{},
		Requirements: docRules{Total: r.Requirements, Covered: len(named), Excluded: r.Excluded, Broken: broken},
		Mutants:      r.Mutants,
	}
	if r.Run.Shard == wholeRun {
		d.Suite.Cases, d.Suite.Digest = len(list), digestOf(list)
	}
	for _, name := range profilesOf(list) {
		d.Profiles = append(d.Profiles, partOf(name, countOf(inProfile(list, name))))
	}
	for _, name := range claimsOf(list) {
		d.Claims = append(d.Claims, partOf(name, countOf(inClaim(list, name))))
	}
	for i := range list {
		d.Cases = append(d.Cases, caseOf(&list[i]))
	}
	compact, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	// Bytes that are not UTF-8 were replaced: YAML must show the same.
	clean := &document{}
	if err := json.Unmarshal(compact, clean); err != nil {
		return nil, err
	}
	if compact, err = json.Marshal(clean); err != nil {
		return nil, err
	}
	clean.Digest, clean.Provenance = hash(compact), r.Provenance
	return clean, nil
}

// Digest is the sha256 of the compact JSON of the report, which is in it, too.
func (r *Report) Digest() (string, error) {
	d, err := r.document()
	if err != nil {
		return "", err
	}
	return d.Digest, nil
}

// wholeRun is the Shard of a run of everything.
const wholeRun = "all"

// hash is the form of all digests here.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// SelectionDigest is the digest over the cases of a suite, given by id with
// the digests of their files.
func SelectionDigest(cases map[string]string) string {
	var b bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(cases)) {
		fmt.Fprintf(&b, "%s %s\n", id, cases[id])
	}
	return hash(b.Bytes())
}

func digestOf(list []group) string {
	ids := map[string]string{}
	for i := range list {
		ids[list[i].Case] = list[i].CaseDigest
	}
	return SelectionDigest(ids)
}

func partOf(name string, c counts) docProfile {
	return docProfile{
		Name: name, Required: c.total(), Passed: c[judge.Pass], Failed: c[judge.Fail], Error: c[judge.Error],
		Exempt: c[judge.Exempt], NotClaimed: c[judge.NotClaimed], NotRun: c[judge.NotRun], Result: c.result(),
	}
}

func caseOf(g *group) docCase {
	c := docCase{
		ID: g.Case, Title: g.Title, Profile: g.Profile, File: g.File, Line: g.Line, Digest: g.CaseDigest,
		Requirements: g.Requirements, Claims: g.runs[0].Claims, Result: docResult(g.Result), Reason: g.Reason, Runs: []docRun{},
	}
	for _, b := range g.Vary {
		c.Vary = append(c.Vary, docBinding(b))
	}
	c.Silent = silences(g)
	for _, run := range g.runs {
		for _, x := range run.Exemptions {
			if x := docExemption(x); !slices.Contains(c.Exemptions, x) {
				c.Exemptions = append(c.Exemptions, x)
			}
		}
		c.Runs = append(c.Runs, docRun{
			Seed: run.Seed, Result: docResult(run.Result), Reason: run.Reason, Until: seconds(run.Until), Trace: run.TraceDigest, Notes: run.Notes,
		})
		for _, f := range run.Failures {
			c.Failures = append(c.Failures, docFailure{
				Requirement: f.Requirement, Seed: run.Seed, At: seconds(f.At), VM: f.VM, Instance: f.Instance,
				Probe: f.Probe, Message: f.Message, Want: f.Want, Window: f.Window, Event: f.Event, Replay: run.Replay(),
			})
		}
	}
	return c
}

func writeJSON(w io.Writer, r *Report) error {
	d, err := r.document()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

func writeYAML(w io.Writer, r *Report) error {
	d, err := r.document()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(d); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
