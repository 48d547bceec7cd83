package spec_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

// legal fails when a resolved machine is not something an engine can run.
func legal(t interface{ Errorf(string, ...any) }, m *spec.Machine, profile probes.Profile) {
	r := m.Resolve(profile)
	for _, p := range r.Probes {
		if p.InitialDelay < 0 || p.Period <= 0 || p.Timeout <= 0 || p.FailureThreshold < 1 || p.SuccessThreshold < 1 ||
			p.Handler == probes.NoHandler {
			t.Errorf("%s: %+v", profile.Name, p)
		}
		if p.Kind != probes.Readiness && p.SuccessThreshold != 1 && !r.Rejected() {
			t.Errorf("%s: %s with successThreshold %d is accepted", profile.Name, p.Kind, p.SuccessThreshold)
		}
		b := bounds.Of(p, profile)
		for _, f := range b.Faults {
			if f.Detect.Lo > f.Detect.Hi || f.Recover.Lo > f.Recover.Hi || f.Detect.Lo < 0 {
				t.Errorf("%s: %+v", profile.Name, f)
			}
		}
	}
	if r.Grace < 0 || r.PodGrace < r.Grace {
		t.Errorf("%s: grace %v, pod grace %v", profile.Name, r.Grace, r.PodGrace)
	}
	for _, f := range r.Findings {
		if f.Message == "" || f.Requirement == "" || f.By == "" {
			t.Errorf("%s: %+v", profile.Name, f)
		}
	}
	if again := m.Resolve(profile); !reflect.DeepEqual(r, again) {
		t.Errorf("%s: resolving twice differs", profile.Name)
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/golden/*.txt")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for block := range bytes.SplitSeq(text, []byte("\n\n")) {
			_, input, _ := bytes.Cut(block, []byte("\napiVersion"))
			input, _, _ = bytes.Cut(input, []byte("\n----"))
			f.Add(append([]byte("apiVersion"), input...))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := spec.DecodeAll(text)
		lines := bytes.Count(text, []byte("\n")) + 1
		if err != nil {
			all, ok := errors.AsType[spec.DecodeErrors](err)
			if !ok || len(all) == 0 {
				t.Fatalf("error of type %T", err)
			}
			for _, e := range all {
				if e.Line > lines || e.Line < 0 || e.Message == "" {
					t.Errorf("%d lines: %+v", lines, e)
				}
			}
		}
		for _, machine := range m.Machines {
			if machine.Name == "" || machine.Namespace == "" {
				t.Errorf("%s %q/%q", machine.Kind, machine.Namespace, machine.Name)
			}
			for _, name := range probes.ProfileNames() {
				p, _ := probes.LookupProfile(name)
				legal(t, machine, p)
			}
		}
	})
}

// A stream means the same whether its documents come together or apart.
func TestSplitDoesNotMatter(t *testing.T) {
	documents := []string{
		"apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: a}\nspec: {domain: {}}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}], bad: 1}\n",
		"spec: {livenessProbe: {tcpSocket: {port: 1}}}\n",
		"# nothing\n",
		"kind: {}\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		picked := rapid.SliceOfN(rapid.SampledFrom(documents), 1, 6).Draw(t, "documents")
		var apart [][]byte
		var together bytes.Buffer
		for i, d := range picked {
			if i > 0 {
				together.WriteString("---\n")
			}
			together.WriteString(d)
			apart = append(apart, []byte(d))
		}
		a, errA := spec.DecodeAll(apart...)
		b, errB := spec.DecodeAll(together.Bytes())
		if len(a.Machines) != len(b.Machines) || len(a.Skipped) != len(b.Skipped) || (errA == nil) != (errB == nil) {
			t.Fatalf("apart %d %d %v, together %d %d %v",
				len(a.Machines), len(a.Skipped), errA, len(b.Machines), len(b.Skipped), errB)
		}
		for i := range a.Machines {
			if a.Machines[i].Doc != b.Machines[i].Doc || a.Machines[i].Name != b.Machines[i].Name {
				t.Fatalf("machine %d: %+v and %+v", i, a.Machines[i], b.Machines[i])
			}
		}
	})
}

func TestAMachineOfNothingResolves(t *testing.T) {
	for _, name := range probes.ProfileNames() {
		p, _ := probes.LookupProfile(name)
		if r := (&spec.Machine{Kind: "VirtualMachine"}).Resolve(p); r.Profile != name || len(r.Probes) != 0 {
			t.Errorf("%+v", r)
		}
	}
}
