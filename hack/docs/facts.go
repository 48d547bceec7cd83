package main

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios"
)

// facts are what the parts are made of.
type facts struct {
	root      string
	scenarios []scenario
	cases     int
	life      time.Duration  // simulated time of all cases, one seed
	naming    map[string]int // requirement id -> scenarios that name it
}

// scenario is one embedded file.
type scenario struct {
	name, title string
	cases       int
}

// collect reads the embedded scenarios.
func collect(root string) (*facts, error) {
	f := &facts{root: root, naming: map[string]int{}}
	names, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := f.add(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *facts) add(name string) error {
	data, err := fs.ReadFile(scenarios.Embedded(), name)
	if err != nil {
		return err
	}
	file, diags := scenarios.Load(scenarios.CasesDir+name, data, scenarios.Options{Requirements: requirements.IDs()})
	list, more := file.Cases(nil)
	if diags = append(diags, more...); diags.HasErrors() {
		return fmt.Errorf("%s%s does not load: run vmprobe lint %s", scenarios.CasesDir, name, strings.TrimSuffix(name, ".yaml"))
	}
	named := map[string]bool{}
	for _, c := range list {
		f.life += c.Until
		for _, id := range c.Requirements {
			if !named[id] {
				named[id] = true
				f.naming[id]++
			}
		}
	}
	f.cases += len(list)
	f.scenarios = append(f.scenarios, scenario{name: file.Name, title: file.Title, cases: len(list)})
	return nil
}

// group is the first word of a scenario's name.
func (s scenario) group() string {
	group, _, _ := strings.Cut(s.name, "-")
	return group
}
