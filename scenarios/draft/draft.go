// Package draft writes a scenario from manifests: a guest for every port that a
// probe asks, a story in which it breaks and comes back, and the windows in
// which that must be seen, as formulas over the manifests' own numbers.
package draft

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// Options of a scenario.
type Options struct {
	// Name of the scenario: kebab-case, that of its file.
	Name string
	// Profile whose numbers the times of the story follow; the scenario runs in
	// this one.
	Profile probes.Profile
	// Kills are the mutants that it claims to kill; may be empty.
	Kills []string
}

// Modeline is the first line of a scenario, for editors: the schema as
// "vmprobe schema" prints it lies beside the file.
const Modeline = "# yaml-language-server: $schema=scenario.schema.json"

// Unfit is a probe that no story can be told about, and why.
type Unfit struct {
	Machine *spec.Machine
	Path    string // of the field at fault
	Why     string
}

// Error implements error.
func (u *Unfit) Error() string { return u.Path + ": " + u.Why }

// Scenario is the text of a scenario about the machines that were decoded from
// some manifests. The error joins every *Unfit.
func Scenario(manifests []byte, machines []*spec.Machine, o Options) ([]byte, error) {
	var stories []*story
	var errs []error
	for _, m := range machines {
		r := m.Resolve(o.Profile)
		for _, f := range r.Findings {
			if f.Severity == spec.Rejects && f.Assumed == "" {
				errs = append(errs, &Unfit{m, f.Path, f.By + ": " + f.Message})
			}
		}
		s, unfit := tell(m, &r, len(machines) > 1)
		errs = append(errs, unfit...)
		stories = append(stories, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for i, m := range machines {
		text, err := document(manifests, machines, m)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			text = Modeline + "\n" + strings.TrimPrefix(text, Modeline+"\n")
		}
		b.WriteString(text + "---\n")
	}
	compose(&b, stories, o)
	return b.Bytes(), nil
}

// document is the manifest of a machine: as it was written, unless it is an
// item of a list.
func document(stream []byte, all []*spec.Machine, m *spec.Machine) (string, error) {
	for _, chunk := range chunks(stream) {
		mine, others := false, 0
		for _, o := range all {
			if at := o.Position("spec").Line; at > chunk.first && at <= chunk.first+bytes.Count(chunk.text, []byte("\n"))+1 {
				mine = mine || o == m
				others++
			}
		}
		if mine && others == 1 && m.Position("items") == m.Position("") {
			return strings.Trim(string(chunk.text), "\n") + "\n", nil
		}
	}
	var object any = m.VMI
	switch m.Kind {
	case "VirtualMachine":
		object = m.VM
	case "Pod":
		object = m.Pod
	}
	data, err := sigsyaml.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("manifest of %s: %w", m.Name, err)
	}
	var fields map[string]any
	if err := sigsyaml.Unmarshal(data, &fields); err != nil {
		return "", fmt.Errorf("manifest of %s: %w", m.Name, err)
	}
	delete(fields, "status")
	data, err = sigsyaml.Marshal(fields)
	return string(data), err
}

// chunk is a document of a stream; first counts the lines before it.
type chunk struct {
	first int
	text  []byte
}

func chunks(stream []byte) []chunk {
	var list []chunk
	now, line := chunk{}, 0
	for l := range bytes.Lines(stream) {
		line++
		if bytes.HasPrefix(l, []byte("---")) {
			list = append(list, now)
			now = chunk{first: line}
			continue
		}
		now.text = append(now.text, l...)
	}
	return append(list, now)
}

// up10 rounds up to tens of seconds, for readers.
func up10(d time.Duration) time.Duration {
	const ten = 10 * time.Second
	return (d + ten - 1) / ten * ten
}

// seconds writes a duration in whole seconds.
func seconds(d time.Duration) string { return fmt.Sprintf("%ds", d/time.Second) }
