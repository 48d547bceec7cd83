package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
)

// document is the ConformanceReport, in the order of its fields.
type document struct {
	APIVersion     string         `json:"apiVersion" yaml:"apiVersion"`
	Kind           string         `json:"kind" yaml:"kind"`
	Suite          Tool           `json:"suite" yaml:"suite"`
	Implementation Implementation `json:"implementation" yaml:"implementation"`
	Run            Run            `json:"run" yaml:"run"`
	Result         Result         `json:"result" yaml:"result"`
	Profiles       []docProfile   `json:"profiles" yaml:"profiles"`
	Cases          []docCase      `json:"cases" yaml:"cases"`
	Requirements   docRules       `json:"requirements" yaml:"requirements"`
	// Digest is the sha256 of the compact JSON of everything above.
	Digest string `json:"digest,omitempty" yaml:"digest,omitempty"`
}

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

type docCase struct {
	ID           string       `json:"id" yaml:"id"`
	Title        string       `json:"title,omitempty" yaml:"title,omitempty"`
	Profile      string       `json:"profile" yaml:"profile"`
	Digest       string       `json:"digest,omitempty" yaml:"digest,omitempty"`
	Requirements []string     `json:"requirements,omitempty" yaml:"requirements,omitempty"`
	Result       judge.Result `json:"result" yaml:"result"`
	Reason       string       `json:"reason,omitempty" yaml:"reason,omitempty"`
	Runs         []docRun     `json:"runs" yaml:"runs"`
	Failures     []docFailure `json:"failures,omitempty" yaml:"failures,omitempty"`
}

type docRun struct {
	Seed   uint64       `json:"seed" yaml:"seed"`
	Result judge.Result `json:"result" yaml:"result"`
	Trace  string       `json:"trace,omitempty" yaml:"trace,omitempty"`
}

type docFailure struct {
	Requirement string `json:"requirement" yaml:"requirement"`
	Seed        uint64 `json:"seed" yaml:"seed"`
	At          string `json:"at" yaml:"at"`
	VM          string `json:"vm,omitempty" yaml:"vm,omitempty"`
	Instance    int32  `json:"instance,omitempty" yaml:"instance,omitempty"`
	Probe       string `json:"probe,omitempty" yaml:"probe,omitempty"`
	Message     string `json:"message" yaml:"message"`
	Want        string `json:"want,omitempty" yaml:"want,omitempty"`
	Window      string `json:"window,omitempty" yaml:"window,omitempty"`
	Event       int    `json:"event" yaml:"event"`
	Replay      string `json:"replay" yaml:"replay"`
}

type docRules struct {
	Total   int      `json:"total,omitempty" yaml:"total,omitempty"`
	Covered int      `json:"covered" yaml:"covered"`
	Broken  []string `json:"broken" yaml:"broken"`
}

func (r *Report) document() (*document, error) {
	list := r.groups()
	named, broken := covered(list)
	if broken == nil {
		broken = []string{}
	}
	d := &document{
		APIVersion: "vmprobe.dev/v1alpha1", Kind: "ConformanceReport",
		Suite: r.Tool, Implementation: r.Implementation, Run: r.Run,
		Result: countOf(list).result(), Profiles: []docProfile{}, Cases: []docCase{},
		Requirements: docRules{Total: r.Requirements, Covered: len(named), Broken: broken},
	}
	for _, name := range profilesOf(list) {
		c := countOf(inProfile(list, name))
		d.Profiles = append(d.Profiles, docProfile{
			Name: name, Required: c.total(), Passed: c[judge.Pass], Failed: c[judge.Fail], Error: c[judge.Error],
			Exempt: c[judge.Exempt], NotClaimed: c[judge.NotClaimed], NotRun: c[judge.NotRun], Result: c.result(),
		})
	}
	for i := range list {
		d.Cases = append(d.Cases, caseOf(&list[i]))
	}
	compact, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(compact)
	d.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return d, nil
}

func caseOf(g *group) docCase {
	c := docCase{
		ID: g.Case, Title: g.Title, Profile: g.Profile, Digest: g.CaseDigest,
		Requirements: g.Requirements, Result: g.Result, Reason: g.Reason,
	}
	for _, run := range g.runs {
		c.Runs = append(c.Runs, docRun{Seed: run.Seed, Result: run.Result, Trace: run.TraceDigest})
		for _, f := range run.Failures {
			c.Failures = append(c.Failures, docFailure{
				Requirement: f.Requirement, Seed: run.Seed, At: oracle.Seconds(f.At), VM: f.VM, Instance: f.Instance,
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
