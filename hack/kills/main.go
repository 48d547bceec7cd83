// Command kills computes what scenarios kill and writes it into their files.
//
//	go run ./hack/kills                  every scenario
//	go run ./hack/kills NAME|PATTERN...  these alone
//
// It runs every mutant against the scenarios, chooses for each the few mutants
// that say most about it, proves them at every seed of the gate, and rewrites
// the line "kills: [...]" of scenarios/cases/NAME.yaml; nothing else changes.
// A scenario that kills nothing is named and fails the command: it is
// redundant, or vacuous, or about a mistake that no mutant makes yet.
//
// "vmprobe mutants" proves the claims again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// gateSeeds is the number of seeds at which "vmprobe mutants" proves claims.
const gateSeeds = 5

func main() {
	check := flag.Bool("check", false, "only say what would change; exit 1 if anything would")
	parallel := flag.Int("p", runtime.GOMAXPROCS(0), "mutants at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, flag.Args(), *parallel, *check)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kills:", err)
		os.Exit(3)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, parallel int, check bool) (ok bool, err error) {
	all, err := load()
	if err != nil {
		return false, err
	}
	wanted, err := selected(all, names)
	if err != nil {
		return false, err
	}
	killed, err := census(ctx, wanted, parallel)
	if err != nil {
		return false, err
	}
	counts := killed.counts()
	if len(names) > 0 { // how common a mutant is, the others have to say
		counts = claimed(all, wanted)
	}
	chosen := choose(wanted, killed, counts, len(names) == 0)
	if chosen, err = prove(ctx, wanted, chosen, parallel); err != nil {
		return false, err
	}
	return write(wanted, chosen, check)
}

// load reads the embedded scenarios, case by case. Claims about mutants that
// are gone are no reason to stop: they are about to be replaced.
func load() ([]*scenarios.Case, error) {
	files, err := suite.Load(nil, nil)
	if err != nil {
		return nil, err
	}
	var all []*scenarios.Case
	for _, f := range files {
		for _, d := range f.Diags {
			if d.Severity == diag.Error && d.Code != diag.UnknownMutant {
				return nil, fmt.Errorf("%s: vmprobe lint finds errors in it", f.Source.Name)
			}
		}
		list, _ := f.File.Cases(nil)
		all = append(all, list...)
	}
	return all, nil
}

func selected(all []*scenarios.Case, patterns []string) ([]*scenarios.Case, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	var list []*scenarios.Case
	for _, p := range patterns {
		before := len(list)
		for _, c := range all {
			match, err := path.Match(p, c.Scenario)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", p, err)
			}
			if match && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
		if len(list) == before {
			return nil, fmt.Errorf("no embedded scenario is called %q", p)
		}
	}
	return list, nil
}

// census runs every mutant against every scenario, at the first seed.
func census(ctx context.Context, cases []*scenarios.Case, parallel int) (kills, error) {
	without := make([]*scenarios.Case, len(cases))
	for i, c := range cases {
		other := *c
		other.Kills = nil
		without[i] = &other
	}
	m, err := mutants.Run(ctx, mutants.All(), without, mutants.Options{
		Seed: 1, Seeds: 1, Parallel: parallel, Full: true, Progress: progress("census"),
	})
	if err != nil {
		return nil, err
	}
	if len(m.Failing) > 0 {
		return nil, fmt.Errorf("these cases fail without a mutant: %s", strings.Join(m.Failing, ", "))
	}
	killed := kills{}
	for _, row := range m.Rows {
		for _, k := range row.Kills {
			if !slices.Contains(killed[k.Scenario], row.Mutant) {
				killed[k.Scenario] = append(killed[k.Scenario], row.Mutant)
			}
		}
	}
	return killed, nil
}

// prove drops what survives a seed, and keeps the first few of the rest.
func prove(ctx context.Context, cases []*scenarios.Case, chosen kills, parallel int) (kills, error) {
	claiming := make([]*scenarios.Case, len(cases))
	for i, c := range cases {
		other := *c
		other.Kills = chosen[c.Scenario]
		claiming[i] = &other
	}
	m, err := mutants.Run(ctx, mutants.All(), claiming, mutants.Options{
		Seed: 1, Seeds: gateSeeds, Parallel: parallel, Claims: true, Progress: progress("proof"),
	})
	if err != nil {
		return nil, err
	}
	survives := map[string][]string{}
	for _, row := range m.Rows {
		for _, c := range row.Claims {
			if len(c.Survives) > 0 {
				survives[c.Scenario] = append(survives[c.Scenario], row.Mutant)
			}
		}
	}
	proved := kills{}
	for name, list := range chosen {
		proved[name] = slices.DeleteFunc(slices.Clone(list), func(m string) bool { return slices.Contains(survives[name], m) })
	}
	return proved.shorten(), nil
}

func progress(what string) func(done, total int) {
	return func(done, total int) {
		if done%25 == 0 || done == total {
			fmt.Fprintf(os.Stderr, "%s: %d of %d mutants\n", what, done, total)
		}
	}
}

// write rewrites the files and tells what changed.
func write(cases []*scenarios.Case, chosen kills, check bool) (ok bool, err error) {
	ok = true
	for _, name := range scenariosOf(cases) {
		if len(chosen[name]) == 0 {
			fmt.Printf("%s kills nothing\n", name)
			ok = false
			continue
		}
		file := scenarios.CasesDir + name + ".yaml"
		old, err := os.ReadFile(file)
		if err != nil {
			return false, fmt.Errorf("run this in the root of the module: %w", err)
		}
		text, err := rewrite(old, chosen[name])
		if err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		if string(text) == string(old) {
			continue
		}
		fmt.Printf("%s: %s\n", name, strings.Join(chosen[name], ", "))
		if check {
			ok = false
			continue
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // a source file
			return false, err
		}
	}
	return ok, nil
}
