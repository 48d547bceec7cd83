// Package attest makes a report the statement of an in-toto attestation: the
// files of a prober, and the result of the tests that they went through. It signs
// nothing; the same report gives the same bytes.
package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// The types of what is written, by the in-toto attestation framework.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://in-toto.io/attestation/test-result/v0.1"
)

// Statement binds a predicate to its subjects.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"` // the files of the prober
	PredicateType string     `json:"predicateType"`
	Predicate     Predicate  `json:"predicate"`
}

// Resource is a ResourceDescriptor.
type Resource struct {
	Name        string            `json:"name"`
	Digest      map[string]string `json:"digest,omitempty"` // by algorithm: sha256
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Predicate is the result of a run of tests.
type Predicate struct {
	Result        string     `json:"result"` // PASSED, WARNED or FAILED
	Configuration []Resource `json:"configuration"`
	URL           string     `json:"url,omitempty"`
	PassedTests   []string   `json:"passedTests"` // ids of cases, sorted
	WarnedTests   []string   `json:"warnedTests"` // exempt, or not run
	FailedTests   []string   `json:"failedTests"`
}

// Of makes the statement of a report. url is where the run can be seen; empty:
// nowhere. The error says why the report is nothing to be attested.
func Of(r *report.Report, url string) (*Statement, error) {
	if err := refusal(r); err != nil {
		return nil, err
	}
	digest, err := r.Digest()
	if err != nil {
		return nil, err
	}
	s := &Statement{Type: StatementType, PredicateType: PredicateType, Predicate: Predicate{
		Result: results()[r.Result()], URL: url, Configuration: configuration(r, digest),
		PassedTests: names(r, judge.Pass), WarnedTests: names(r, judge.Exempt, judge.NotRun), FailedTests: names(r, judge.Fail),
	}}
	for _, f := range r.Implementation.Files {
		s.Subject = append(s.Subject, Resource{Name: f.Name, Digest: sha256(f.Digest)})
	}
	return s, nil
}

// results are those of a run of tests; what is not here is none.
func results() map[report.Result]string {
	return map[report.Result]string{report.Conformant: "PASSED", report.Partial: "WARNED", report.NonConformant: "FAILED"}
}

func refusal(r *report.Report) error {
	switch {
	case len(r.Implementation.Files) == 0:
		return errors.New("it does not say by digest what was tested: only a prober that is a program has a digest")
	case r.Run.Interrupted:
		return errors.New("its run was interrupted")
	case r.Run.Shard != "all":
		return fmt.Errorf("it is shard %s alone: put the shards together first (vmprobe report merge)", r.Run.Shard)
	case results()[r.Result()] == "":
		return fmt.Errorf("its result is %s, which is no verdict", r.Result())
	}
	return nil
}

// configuration is what the prober was tested with.
func configuration(r *report.Report, digest string) []Resource {
	seeds := fmt.Sprintf("%d from %d", r.Run.Seeds, r.Run.FirstSeed)
	list := []Resource{
		{Name: "vmprobe cases", Digest: sha256(r.Tool.Digest), Annotations: map[string]string{
			"version": r.Tool.Version, "requirements": r.Tool.Requirements, "cases": fmt.Sprint(r.Tool.Cases),
			"seeds": seeds, "time": r.Run.Mode, "claimed": strings.Join(r.Run.Claimed, ","),
		}},
		{Name: "vmprobe report", Digest: sha256(digest)},
	}
	if k := r.Run.KnownFailing; k != nil {
		list = append(list, Resource{Name: "known failures", Digest: sha256(k.Digest), Annotations: map[string]string{
			"entries": fmt.Sprint(k.Entries),
		}})
	}
	return list
}

func sha256(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}
}

// names are the ids of the cases in some states, sorted; never nil.
func names(r *report.Report, states ...judge.Result) []string {
	ids := append([]string{}, r.Results(states...)...)
	slices.Sort(ids)
	return ids
}

// Write writes a statement, or a part of one, as JSON.
func Write(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
