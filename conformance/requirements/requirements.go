// Package requirements is the catalogue of the rules that vmprobe checks: what
// each says, how binding it is, where it comes from and for which profiles it
// holds. Scenarios, verdicts and explanations refer to rules by id.
package requirements

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/probes"
)

//go:embed v1.yaml
var v1 []byte

// Level says how binding a requirement is.
type Level string

// The levels.
const (
	Must    Level = "MUST"
	Should  Level = "SHOULD"
	May     Level = "MAY"
	Doc     Level = "doc"     // documented, not behaviour
	Quirk   Level = "quirk"   // real behaviour that nobody promised
	Fact    Level = "fact"    // follows from how the parts are built
	Finding Level = "finding" // real behaviour that looks wrong
)

// Area groups requirements.
type Area string

// The areas, in the order of semantics section 1.
const (
	Defaults   Area = "defaults"
	Validation Area = "validation"
	State      Area = "state"
	Timing     Area = "timing"
	HTTP       Area = "http"
	TCP        Area = "tcp"
	Agent      Area = "agent"
	Exec       Area = "exec"
	Platform   Area = "platform"
)

// Areas lists the areas in the order of reports.
func Areas() []Area {
	return []Area{Defaults, Validation, State, Timing, HTTP, TCP, Agent, Exec, Platform}
}

// Requirement is one rule.
type Requirement struct {
	ID    string `yaml:"id" json:"id"`
	Title string `yaml:"title" json:"title"` // one line, lower case
	Level Level  `yaml:"level" json:"level"`
	Area  Area   `yaml:"area" json:"area"`
	// Handler is the API name of the handler the rule belongs to; empty when
	// it holds for all.
	Handler   string `yaml:"handler,omitempty" json:"handler,omitempty"`
	Statement string `yaml:"statement" json:"statement"`
	// Why says what goes wrong for a user when a prober breaks the rule.
	Why string `yaml:"why" json:"why"`
	// Tolerance is what a conforming prober may also do, and where sources
	// leave room.
	Tolerance string               `yaml:"tolerance,omitempty" json:"tolerance,omitempty"`
	Profiles  []probes.ProfileName `yaml:"profiles" json:"profiles"`
	// Guide names the places of OpenShift guide 14.7 that the rule stems
	// from: "14.7.2 n5" is note 5 of section 14.7.2.
	Guide []string `yaml:"guide,omitempty" json:"guide,omitempty"`
	// Source cites component, version, file and lines.
	Source []string `yaml:"source" json:"source"`
	// Excluded says why the rule cannot be observed by a run; empty when it
	// can.
	Excluded string `yaml:"excluded,omitempty" json:"excluded,omitempty"`
}

// Holds tells whether the requirement applies in the profile.
func (r Requirement) Holds(name probes.ProfileName) bool {
	return slices.Contains(r.Profiles, name)
}

// catalogue is the form of the file.
type catalogue struct {
	Version      string        `yaml:"version"`
	Requirements []Requirement `yaml:"requirements"`
}

// load decodes the embedded file once. The file is part of the program and is
// checked by this package's tests, so a defect is a broken invariant.
var load = sync.OnceValue(func() []Requirement {
	c, err := decode(v1)
	if err != nil {
		panic(fmt.Sprintf("requirements: embedded catalogue: %v", err))
	}
	return c.Requirements
})

func decode(text []byte) (catalogue, error) {
	var c catalogue
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("decode catalogue: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, errors.New("decode catalogue: more than one document")
	}
	sort.Slice(c.Requirements, func(i, j int) bool { return c.Requirements[i].ID < c.Requirements[j].ID })
	return c, nil
}

// All lists the requirements, sorted by id. The slice is the caller's.
func All() []Requirement { return slices.Clone(load()) }

// IDs lists the ids, sorted.
func IDs() []string {
	all := load()
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids
}

// Lookup finds a requirement by its exact id.
func Lookup(id string) (Requirement, bool) {
	all := load()
	i, found := slices.BinarySearchFunc(all, id, func(r Requirement, id string) int {
		return strings.Compare(r.ID, id)
	})
	if !found {
		return Requirement{}, false
	}
	return all[i], true
}

// Digest is "sha256:..." of the catalogue's bytes.
func Digest() string {
	sum := sha256.Sum256(v1)
	return "sha256:" + hex.EncodeToString(sum[:])
}
