package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// MaxSize bounds a document, in bytes.
const MaxSize = 64 << 20

// ErrNotReport is the error of a file that is something else.
var ErrNotReport = errors.New("not a ConformanceReport")

// DigestError says that a report was changed after it was written.
type DigestError struct {
	File     string
	Has, Say string // of its content, and in its digest field
}

// Error implements error.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%s: the report was changed: its content has digest %s, it says %q", e.File, e.Has, e.Say)
}

// Decode reads a report that Write wrote as yaml or json. file is its name in
// messages. Every mistake is reported with its place. With a *DigestError the
// report is there, too.
func Decode(file string, data []byte) (*Report, error) {
	d, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	bare := *d
	bare.Digest, bare.Provenance = "", nil
	compact, err := json.Marshal(bare)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r := d.report()
	if has := hash(compact); has != d.Digest {
		return r, &DigestError{File: file, Has: has, Say: d.Digest}
	}
	again, err := r.document()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := d.same(again); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// parse reads the one document of a file.
func parse(file string, data []byte) (*document, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%s: larger than %d MiB", file, MaxSize>>20)
	}
	read := parseYAML
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		read = parseJSON
	}
	d := &document{}
	more, err := read(file, data, d)
	switch {
	case d.Kind == Kind && d.APIVersion != APIVersion:
		return nil, fmt.Errorf("%s: version %q of the report; this program reads %s", file, d.APIVersion, APIVersion)
	case d.Kind != "" && d.Kind != Kind:
		return nil, fmt.Errorf("%s: %w: its kind is %q", file, ErrNotReport, d.Kind)
	case err != nil && d.Kind == "" && !errors.Is(err, ErrNotReport) && !bytes.Contains(data, []byte(Kind)):
		return nil, fmt.Errorf("%s: %w", file, ErrNotReport)
	case err != nil:
		return nil, err
	case d.Kind == "":
		return nil, fmt.Errorf("%s: %w: it has no kind", file, ErrNotReport)
	case more:
		return nil, fmt.Errorf("%s: something follows the report", file)
	}
	return d, nil
}

// parseYAML tells also whether there is more than one document.
func parseYAML(file string, data []byte, d *document) (more bool, err error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	err = loader.Load(d)
	switch {
	case errors.Is(err, io.EOF):
		return false, fmt.Errorf("%s: %w: it is empty", file, ErrNotReport)
	case err != nil:
		return false, places(file, err)
	}
	return !errors.Is(loader.Load(new(any)), io.EOF), nil
}

// parseJSON reads what is no subset of YAML after all: JSON has other line
// breaks.
func parseJSON(file string, data []byte, d *document) (more bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		at := dec.InputOffset()
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = e.Offset
		} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			at = e.Offset
		}
		message := strings.TrimPrefix(err.Error(), "json: ")
		if name, found := strings.CutPrefix(message, "unknown field "); found {
			name = strings.Trim(name, `"`)
			at = int64(max(bytes.Index(data, []byte(`"`+name+`"`)), 0)) + 1
			message = inWords("field " + name + " not found in type document")
		}
		return false, fmt.Errorf("%s: %s", jsonPos(file, data, at), message)
	}
	rest, err := io.ReadAll(dec.Buffered())
	return err != nil || len(bytes.TrimSpace(rest)) > 0, nil
}

// jsonPos is the place of the byte before an offset.
func jsonPos(file string, data []byte, offset int64) diag.Pos {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return diag.Pos{File: file, Line: bytes.Count(before, []byte("\n")) + 1, Col: utf8.RuneCount(line) + 1}
}

// places gives each mistake its place.
func places(file string, err error) error {
	list := []*yaml.LoadError{}
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		list = many.Errors
	} else if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		list = append(list, one)
	}
	if len(list) == 0 {
		return fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	for _, e := range list {
		pos := diag.Pos{File: file, Line: e.Mark.Line, Col: e.Mark.Column}
		errs = append(errs, fmt.Errorf("%s: %s", pos, inWords(e.Message)))
	}
	return errors.Join(errs...)
}

// inWords is what the YAML library says, without the names of Go types.
func inWords(message string) string {
	message = strings.ReplaceAll(message, "!!", "")
	if name, found := strings.CutPrefix(message, "field "); found {
		if name, _, found := strings.Cut(name, " not found in type "); found {
			return strings.TrimSuffix(fmt.Sprintf("unknown field %q: %s", name, diag.DidYouMean(name, fieldNames())), ": ")
		}
	}
	if what, into, found := strings.Cut(message, " into "); found {
		message = what + " into " + into[strings.LastIndexAny(into, ".]")+1:]
	}
	return message
}

// fieldNames are the names of all fields of the document.
func fieldNames() []string {
	var names []string
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				names = append(names, name)
				walk(f.Type)
			}
		default:
		}
	}
	walk(reflect.TypeFor[document]())
	slices.Sort(names)
	return slices.Compact(names)
}

// report is the inverse of Report.document.
func (d *document) report() *Report {
	r := &Report{
		Tool: d.Suite, Implementation: d.Implementation, Run: d.Run, Requirements: d.Requirements.Total,
		Excluded: d.Requirements.Excluded, Mutants: d.Mutants, Provenance: d.Provenance,
	}
	for i := range d.Cases {
		r.Cases = append(r.Cases, d.Cases[i].runs(d)...)
	}
	return r
}

// runs gives the case, which is one of d, with each of its seeds.
func (c *docCase) runs(d *document) []Case {
	v := judge.Verdict{
		Case: c.ID, Scenario: scenarioOf(c.ID), Title: c.Title, File: c.File, Line: c.Line,
		CaseDigest: c.Digest, Profile: c.Profile, Requirements: c.Requirements, Prober: d.Implementation.Command,
		View: trace.View(d.Run.View), Silent: c.silent(),
	}
	if d.Run.Mode == Wall {
		v.Testbed = d.Run.Testbed
	}
	if d.Run.Door != protocol.Lockstep { // which is the default
		v.Door = d.Run.Door
	}
	for _, b := range c.Vary {
		v.Vary = append(v.Vary, scenarios.Binding(b))
	}
	var list []Case
	for _, run := range c.Runs {
		one := v
		one.Seed, one.Result, one.Reason = run.Seed, judge.Result(run.Result), run.Reason
		one.Until, one.TraceDigest = time.Duration(run.Until), run.Trace
		for _, f := range c.Failures {
			if f.Seed == run.Seed {
				one.Failures = append(one.Failures, judge.Failure{
					Requirement: f.Requirement, At: time.Duration(f.At), VM: f.VM, Instance: f.Instance, Probe: f.Probe,
					Message: f.Message, Want: f.Want, Window: f.Window, Event: f.Event,
				})
			}
		}
		for _, x := range c.Exemptions {
			names := func(f judge.Failure) bool { return f.Requirement == x.Requirement }
			if one.Result == judge.Exempt && slices.ContainsFunc(one.Failures, names) {
				one.Exemptions = append(one.Exemptions, judge.Exemption(x))
			}
		}
		list = append(list, Case{Verdict: one, Claims: c.Claims, Notes: run.Notes})
	}
	return list
}

// scenarioOf is the name of the scenario in the id of a case, see
// scenarios.Case.ID.
func scenarioOf(id string) string {
	name, _, _ := strings.Cut(id, "@")
	name, _, _ = strings.Cut(name, "[")
	return name
}

// same tells where a document says something else than its own cases: sums,
// order, what belongs to no run.
func (d *document) same(derived *document) error {
	parts := []struct {
		name string
		a, b any
	}{
		{"suite", d.Suite, derived.Suite},
		{"result", d.Result, derived.Result},
		{"profiles", d.Profiles, derived.Profiles},
		{"claims", d.Claims, derived.Claims},
		{"requirements", d.Requirements, derived.Requirements},
		{"the number of cases", len(d.Cases), len(derived.Cases)},
	}
	for i := range min(len(d.Cases), len(derived.Cases)) {
		parts = append(parts, struct {
			name string
			a, b any
		}{fmt.Sprintf("cases[%d]", i), d.Cases[i], derived.Cases[i]})
	}
	var errs []error
	for _, p := range parts {
		a, errA := json.Marshal(p.a)
		b, errB := json.Marshal(p.b)
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			errs = append(errs, fmt.Errorf("%s does not follow from the runs: it says %.200s, they say %.200s", p.name, a, b))
		}
	}
	return errors.Join(errs[:min(len(errs), 5)]...)
}

// Results are the cases of a report that are in one of the states, by id.
func (r *Report) Results(states ...judge.Result) []string {
	var ids []string
	list := r.groups()
	for i := range list {
		if slices.Contains(states, list[i].Result) {
			ids = append(ids, list[i].Case)
		}
	}
	return ids
}

// ByCase gives the verdict on each case, which is that of its worst seed.
func (r *Report) ByCase() map[string]*judge.Verdict {
	byCase := map[string]*judge.Verdict{}
	list := r.groups()
	for i := range list {
		byCase[list[i].Case] = &list[i].Verdict
	}
	return byCase
}

// Traces is the number of runs that left a trace.
func (r *Report) Traces() int {
	n := 0
	for i := range r.Cases {
		if r.Cases[i].TraceDigest != "" {
			n++
		}
	}
	return n
}
