package explain_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/explain"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the goldens")

func manifests(t *testing.T) map[string]spec.Manifest {
	t.Helper()
	files, err := filepath.Glob("testdata/manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no manifests", err)
	}
	all := map[string]spec.Manifest{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := spec.DecodeAll(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = m
	}
	return all
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (rewrite with -rewrite):\n%s", path, diff)
	}
}

func TestManifest(t *testing.T) {
	for name, m := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := explain.Manifest(&out, m.Machines, explain.Options{Skipped: m.Skipped}); err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(out.String(), "\n") {
				if n := utf8.RuneCountInString(line); n > 100 || strings.TrimRight(line, " ") != line {
					t.Errorf("line %d has %d columns: %q", i+1, n, line)
				}
			}
			golden(t, "testdata/"+name+".txt", out.String())
		})
	}
}

func TestOneProfile(t *testing.T) {
	m := manifests(t)["guide-14.7.4"]
	var out strings.Builder
	err := explain.Manifest(&out, m.Machines, explain.Options{Profiles: []probes.ProfileName{probes.KubeVirt}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/one-profile.txt", out.String())
}

func TestUnknownProfileIsAnError(t *testing.T) {
	m := manifests(t)["guide-14.7.4"]
	var out strings.Builder
	err := explain.Manifest(&out, m.Machines, explain.Options{Profiles: []probes.ProfileName{"openshift"}})
	if err == nil || out.Len() > 0 {
		t.Errorf("err %v, output %q", err, out.String())
	}
}

func TestAnalysisAsJSONAndYAML(t *testing.T) {
	m := manifests(t)["guide-14.7.4"].Machines[0]
	p, _ := probes.LookupProfile(probes.KubeVirt)
	a := explain.Analyze(m, p)
	j, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/analysis.json", string(j)+"\n")
	y, err := yaml.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromYAML any
	if err := json.Unmarshal(j, &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(y, &fromYAML); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	fromYAML = nil
	if err := json.Unmarshal(again, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Error(diff)
	}
}

// Every id that an explanation names is in the catalogue.
func TestEveryRequirementExists(t *testing.T) {
	check := func(where, id string) {
		if _, ok := requirements.Lookup(id); !ok {
			t.Errorf("%s names %q, which is no requirement", where, id)
		}
	}
	for name, m := range manifests(t) {
		for _, machine := range m.Machines {
			for _, profile := range probes.ProfileNames() {
				p, _ := probes.LookupProfile(profile)
				a := explain.Analyze(machine, p)
				for _, f := range a.Findings {
					check(name, f.Requirement)
				}
				for _, probe := range a.Probes {
					for _, s := range probe.Settings {
						check(name+" "+s.Field, s.Requirement)
					}
					for _, f := range probe.Faults {
						check(name+" "+f.Mode, f.Requirement)
					}
					if o := probe.OnFailure; o != nil {
						for _, s := range o.Steps {
							check(name, s.Requirement)
						}
						for _, e := range o.Endings {
							check(name, e.Requirement)
						}
					}
				}
			}
		}
	}
}
