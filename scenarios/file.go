package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// Options tell the decoder what it cannot know itself.
type Options struct {
	// Requirements and Mutants are the known ids; nil: not checked.
	Requirements, Mutants []string
}

// File is a decoded scenario file.
type File struct {
	Path     string // as given to Load
	Name     string // of the scenario
	Title    string
	Digest   string // "sha256:..." of the bytes
	Line     int    // of the Scenario document
	Source   []byte
	Machines []*spec.Machine

	runs     []run
	cases    []*Case // all profiles
	compiled []*compilation
	varies   map[string]Pos // vary names
	usedVary map[string]bool
	usedName map[string]bool // "as" and let names that some formula mentions
	named    map[string]Pos  // all of them
	mutants  bool            // known, so that "kills" is asked for
}

// run is the document under one binding of the vary names.
type run struct {
	bindings []Binding
	vars     *syntax.Vars
	doc      *syntax.Document
}

// Limits of vary: beyond the first a warning, beyond the second an error.
const (
	manyRuns = 64
	maxRuns  = 1024
)

// Load decodes a file. The file is usable when the list has no errors; it is
// never nil. file is the path for messages; its base name must be that of the
// scenario, unless it is "" or "-".
func Load(file string, data []byte, opts Options) (*File, diag.List) {
	sum := sha256.Sum256(data)
	f := &File{
		Path: file, Source: data, mutants: opts.Mutants != nil, Digest: "sha256:" + hex.EncodeToString(sum[:]),
		varies: map[string]Pos{}, usedVary: map[string]bool{}, usedName: map[string]bool{}, named: map[string]Pos{},
	}
	s := readStream(file, data)
	list := s.list
	if s.scenario != nil && text(s.scenario, "kind") == syntax.KnownKind && s.machines == 0 {
		list.Add(diag.Kind, syntax.Pos(file, valueAt(s.scenario, "kind")), "give it with --known-failing", "a list of known failures is no scenario")
		return f, list.Sort()
	}
	if s.manifests != nil && !s.broken {
		list = append(list, f.decodeManifests(s)...)
	}
	if s.scenario != nil {
		f.Line = s.scenario.Line
		list = append(list, f.header(s.scenario)...)
		list = append(list, f.decodeRuns(s.scenario)...)
	}
	if wellFormed(list) && s.scenario != nil {
		list = append(list, f.compile(opts)...)
	}
	return f, perProfile(list).Sort()
}

// wellFormed: every value has its shape, so that the meaning of the whole can
// be judged beside what was found already.
func wellFormed(list diag.List) bool {
	return !slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Error && d.Code.Class() != diag.Semantic
	})
}

var inProfile = regexp.MustCompile(` in profile ([a-z-]+)`)

// perProfile tells a mistake that several profiles show once: the first is
// kept, the others become a note.
func perProfile(list diag.List) diag.List {
	type place struct {
		code diag.Code
		pos  Pos
	}
	var out diag.List
	first, others := map[place]int{}, map[int][]string{}
	for _, d := range list {
		m := inProfile.FindStringSubmatch(d.Message)
		if m == nil {
			out = append(out, d)
			continue
		}
		i, again := first[place{d.Code, d.Pos}]
		if !again {
			first[place{d.Code, d.Pos}] = len(out)
			out = append(out, d)
			continue
		}
		if own := inProfile.FindStringSubmatch(out[i].Message); own[1] != m[1] && !slices.Contains(others[i], m[1]) {
			others[i] = append(others[i], m[1])
		}
	}
	for i, names := range others {
		out[i].Notes = append(out[i].Notes, "likewise in profile "+strings.Join(names, ", "))
	}
	return out
}

// decodeManifests reads everything but the Scenario, in place, so that lines
// stay what they are.
func (f *File) decodeManifests(s *stream) diag.List {
	var list diag.List
	got, err := spec.DecodeAll(s.manifests)
	f.Machines = got.Machines
	var all spec.DecodeErrors
	switch {
	case errors.As(err, &all):
		for _, e := range all {
			message := e.Message
			if e.Path != "" {
				message = e.Path + ": " + message
			}
			list.Add(diag.Manifest, f.widen(Pos{File: f.Path, Line: e.Line, Col: e.Column}), e.Help, "%s", message)
		}
	case err != nil:
		list.Add(diag.Manifest, Pos{File: f.Path}, "", "%v", err)
	}
	for _, skipped := range got.Skipped {
		list.Add(diag.Kind, Pos{File: f.Path, Line: skipped.Line, Col: 1}, "only VirtualMachine, VirtualMachineInstance and Pod have probes",
			"a document of kind %s has no place here", skipped.Kind)
	}
	seen := map[string]bool{}
	for _, m := range f.Machines {
		if seen[m.Name] {
			p := m.Position("metadata.name")
			list.Add(diag.SameMachine, f.widen(Pos{File: f.Path, Line: p.Line, Col: p.Column}), "", "another manifest is named %q", m.Name)
		}
		seen[m.Name] = true
	}
	if len(f.Machines) == 0 && len(list) == 0 && s.scenario != nil {
		list.Add(diag.Stream, syntax.Pos(f.Path, s.scenario), "put the manifests above the Scenario", "no manifest with a probe in the file")
	}
	return list
}

// widen gives a place the width of the word that stands there.
func (f *File) widen(p Pos) Pos {
	lines := strings.Split(string(f.Source), "\n")
	if p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.EndCol > 0 {
		return p
	}
	runes := []rune(lines[p.Line-1])
	end := p.Col - 1
	for end < len(runes) && !strings.ContainsRune(" :,]}\r", runes[end]) {
		end++
	}
	p.EndCol = max(end+1, p.Col+1)
	return p
}

// header checks apiVersion, kind and the name of the scenario.
func (f *File) header(root *yaml.Node) diag.List {
	var list diag.List
	want := map[string]string{"apiVersion": syntax.APIVersion, "kind": syntax.Kind}
	for _, key := range []string{"apiVersion", "kind"} {
		if n := valueAt(root, key); n != nil && text(root, key) != want[key] {
			list.Add(diag.Kind, syntax.Pos(f.Path, n), diag.DidYouMean(n.Value, []string{want[key]}), "unknown %s %q", key, n.Value)
		}
	}
	name := valueAt(valueAt(root, "metadata"), "name")
	if name == nil || name.Kind != yaml.ScalarNode {
		return list
	}
	f.Name = name.Value
	base := path.Base(strings.ReplaceAll(f.Path, "\\", "/"))
	if f.Path == "" || base == "-" || base == f.Name+".yaml" || base == f.Name+".yml" {
		return list
	}
	list.Add(diag.ScenarioName, syntax.Pos(f.Path, name), "", "the scenario is named %q but the file %q", f.Name, base)
	return list
}

// decodeRuns decodes the Scenario once per combination of vary values.
func (f *File) decodeRuns(root *yaml.Node) diag.List {
	var list diag.List
	names, variants := syntax.VaryOf(root)
	vary := valueAt(valueAt(root, "spec"), "vary")
	total := 1
	for _, n := range names {
		total = min(total*len(variants[n]), maxRuns+1)
	}
	if total > maxRuns {
		list.Add(diag.TooBig, syntax.Pos(f.Path, vary), "", "vary has more than %d combinations", maxRuns)
		return list
	}
	if total > manyRuns {
		list.Add(diag.TooMany, syntax.Pos(f.Path, vary), "", "vary has %d combinations, more than %d take long", total, manyRuns)
	}
	for _, n := range names {
		for i := 0; i+1 < len(vary.Content); i += 2 {
			if vary.Content[i].Value == n {
				f.varies[n] = syntax.Pos(f.Path, vary.Content[i])
			}
		}
	}
	for i := range total {
		values := map[string]syntax.Variant{}
		var bindings []Binding
		rest := i
		for _, n := range slices.Backward(names) {
			v := variants[n][rest%len(variants[n])]
			rest /= len(variants[n])
			values[n] = v
			bindings = append(bindings, Binding{n, v.Label})
		}
		slices.Reverse(bindings)
		vars := syntax.NewVars(values, f.usedVary)
		doc, found := syntax.Decode(f.Path, root, vars)
		list = append(list, found...)
		f.runs = append(f.runs, run{bindings, vars, doc})
		if len(list) > 1000 {
			break // one mistake in each of thousands of runs: enough is said
		}
	}
	if len(f.runs) > 0 {
		f.Title = f.runs[0].doc.Spec.Title.S
	}
	return list
}

// Cases gives the cases of the file: vary times profiles, in the order of the
// file, restricted to the profiles given; none given means all. A profile in
// which a handler of the manifests does not exist has no case, unless the
// scenario names it in "profiles".
func (f *File) Cases(profiles []probes.ProfileName) ([]*Case, diag.List) {
	var out []*Case
	var list diag.List
	for _, c := range f.cases {
		if len(profiles) == 0 || slices.Contains(profiles, c.Profile.Name) {
			out = append(out, c)
		}
	}
	for _, p := range profiles {
		if _, ok := probes.LookupProfile(p); !ok {
			list.Add(diag.UnknownValue, Pos{File: f.Path}, diag.DidYouMean(string(p), profileNames()), "unknown profile %q", p)
		}
	}
	return out, list
}

func profileNames() []string {
	var out []string
	for _, p := range probes.ProfileNames() {
		out = append(out, string(p))
	}
	return out
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
