package findings

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed *.md
var pages embed.FS

// Index is the page that lists the others.
const Index = "README.md"

// What came of a finding on a real cluster.
const (
	Reproduced = "reproduced"
	Refuted    = "refuted"
	NotRun     = "not run" // with a reason behind it
)

// Finding is what a page says of itself.
type Finding struct {
	Page         string   `yaml:"-"` // its file
	Title        string   `yaml:"title"`
	Requirements []string `yaml:"requirements"`
	Cases        []string `yaml:"cases"` // names of scenarios that pass where it is so
	Observed     string   `yaml:"observed"`
	KubeVirt     string   `yaml:"kubevirt"`
	// Race tells that the cases pass only where KubeVirt loses a race: a run in
	// which it does not refutes nothing.
	Race bool `yaml:"race"`
	// Manifest is the YAML of the page that somebody can apply.
	Manifest []byte `yaml:"-"`
}

// Command runs the cases of a page on a cluster, from the root of the project.
func (f *Finding) Command() string {
	words := []string{"vmprobe conformance --testbed kubevirt --profile kubevirt --max-length 130s --kubeconfig cluster.yaml"}
	for _, name := range f.Cases {
		if strings.HasPrefix(name, "vm-") {
			name = "conformance/kubevirt/testdata/vms/" + name + ".yaml"
		}
		words = append(words, name)
	}
	return strings.Join(words, " ")
}

// All reads every page and tells all that is wrong with them.
func All() ([]Finding, error) {
	names, err := fs.Glob(pages, "*.md")
	if err != nil {
		return nil, err
	}
	var list []Finding
	var errs []error
	for _, name := range names {
		if name == Index {
			continue
		}
		text, err := pages.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		f.Page = name
		list = append(list, f)
	}
	return list, errors.Join(errs...)
}

// fence is around the block of YAML.
const fence = "---\n"

func parse(page []byte) (Finding, error) {
	var f Finding
	rest, ok := bytes.CutPrefix(page, []byte(fence))
	head, body, closed := bytes.Cut(rest, []byte("\n"+fence))
	if !ok || !closed {
		return f, errors.New("no block of YAML at its beginning")
	}
	d := yaml.NewDecoder(bytes.NewReader(head))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return f, err
	}
	_, f.Manifest, _ = bytes.Cut(body, []byte("\n```yaml\n"))
	f.Manifest, _, _ = bytes.Cut(f.Manifest, []byte("\n```\n"))
	var errs []error
	if f.Title == "" || f.KubeVirt == "" || len(f.Requirements) == 0 {
		errs = append(errs, errors.New("title, requirements and kubevirt are required"))
	}
	switch reason, not := strings.CutPrefix(f.Observed, NotRun+": "); {
	case not && reason != "":
	case f.Observed == Reproduced, f.Observed == Refuted:
		if len(f.Cases) == 0 {
			errs = append(errs, fmt.Errorf("%s, and no case shows it", f.Observed))
		}
	default:
		errs = append(errs, fmt.Errorf("observed: %q: want %s, %s or %q with a reason", f.Observed, Reproduced, Refuted, NotRun+": "))
	}
	return f, errors.Join(errs...)
}
