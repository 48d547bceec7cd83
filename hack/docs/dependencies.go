package main

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// saves tells what each direct dependency spares us. A dependency without a
// line here is an error, and so is a line without a dependency.
var saves = map[string]string{
	"github.com/benbjohnson/clock":             "a clock for the real-time driver that its unit tests can turn by hand",
	"github.com/chromedp/cdproto":              "the words of the DevTools protocol, for the test of the HTML report",
	"github.com/chromedp/chromedp":             "a headless browser that looks at the HTML report in tests",
	"github.com/cockroachdb/datadriven":        "golden event logs: a command, its output below it, one flag to rewrite",
	"github.com/google/go-cmp":                 "readable differences of values in tests",
	"github.com/invopop/jsonschema":            "the JSON Schema of scenario files from Go types and their comments",
	"github.com/onsi/ginkgo/v2":                "the conformance suite as Go tests that are chosen by labels",
	"github.com/in-toto/attestation":           "the framework's own reader of statements, in the test of what is written for signing",
	"google.golang.org/protobuf":               "JSON of that reader",
	"github.com/onsi/gomega":                   "assertions of that suite",
	"github.com/rogpeppe/go-internal":          "scripts that test the command line: files, commands, exit codes in one text",
	"github.com/santhosh-tekuri/jsonschema/v6": "proof that the JSON Schema and the decoder agree",
	"github.com/spf13/cobra":                   "commands, flags, help and shell completion",
	"go.yaml.in/yaml/v4":                       "YAML with line and column of every value, and all errors at once",
	"github.com/spf13/pflag":                   "the flag set behind cobra, to set flags by the environment",
	"golang.org/x/mod":                         "reading and writing go.mod when the modules of a cluster are renewed",
	"golang.org/x/net":                         "which header fields HTTP allows; in tests an HTML parser that reads the report as a browser does",
	"golang.org/x/sys":                         "system calls of the VM's init: mounts, modules, network, reset",
	"golang.org/x/term":                        "knowing whether the output is a terminal",
	"gvisor.dev/gvisor":                        "a TCP stack in the process: the prober's end of the wire to a VM, without privileges",
	"k8s.io/api":                               "Pod, Service and EndpointSlice as Kubernetes defines them",
	"github.com/google/go-containerregistry":   "the guest and pause as container images, written without a container engine",
	"sigs.k8s.io/kind":                         "clusters where Docker or Podman runs",
	"k8s.io/apimachinery":                      "object metadata, and validation messages in Kubernetes' own words",
	"k8s.io/client-go":                         "a fake cluster API in which observers find the simulated objects",
	"kubevirt.io/api":                          "VirtualMachine, VirtualMachineInstance and their probes as KubeVirt defines them",
	"libvirt.org/go/libvirt":                   "libvirt's own Go binding, in builds with the tag libvirt: agent calls, codes and events as KubeVirt sees them",
	"pgregory.net/rapid":                       "property tests that shrink what they find",
	"sigs.k8s.io/json":                         "JSON decoding as strict as the API server's: unknown and repeated fields in its words",
	"sigs.k8s.io/yaml":                         "YAML with the names of the JSON form, as kubectl reads and writes it",
}

// dependencies lists the modules that our code imports or go.mod requires
// directly.
func dependencies(f *facts) (string, error) {
	required, err := requirementsOf(filepath.Join(f.root, "go.mod"))
	if err != nil {
		return "", err
	}
	users, err := importers(f.root, sortedKeys(required))
	if err != nil {
		return "", err
	}
	var errs []error
	var b strings.Builder
	b.WriteString("| module | version | what it saves | used by |\n|---|---|---|---|\n")
	for _, module := range sortedKeys(required) {
		what, explained := saves[module]
		used := users[module] != ""
		switch {
		case !used && required[module].indirect && explained:
			errs = append(errs, fmt.Errorf("nothing imports %s: drop its line from hack/docs/dependencies.go", module))
		case !used && required[module].indirect:
			continue
		case !explained:
			errs = append(errs, fmt.Errorf("%s has no line: say in hack/docs/dependencies.go what it saves", module))
		case !used:
			users[module] = "nothing yet"
		}
		b.WriteString(row(module, required[module].version, what, users[module]))
	}
	for _, module := range sortedKeys(saves) {
		if _, ok := required[module]; !ok {
			errs = append(errs, fmt.Errorf("%s is not in go.mod: drop its line from hack/docs/dependencies.go", module))
		}
	}
	return b.String(), errors.Join(errs...)
}

// requirement is a line of go.mod.
type requirement struct {
	version  string
	indirect bool // by go.mod's own word
}

// requirementsOf reads the requirements of a go.mod file.
func requirementsOf(name string) (map[string]requirement, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out := map[string]requirement{}
	inside := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		words := strings.Fields(strings.TrimPrefix(line, "require "))
		switch {
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case (inside || strings.HasPrefix(line, "require ")) && len(words) >= 2:
			out[words[0]] = requirement{version: words[1], indirect: strings.HasSuffix(line, "// indirect")}
		}
	}
	return out, nil
}

// isModule tells whether a folder has a module of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// importers tells which top-level folders import packages of the modules.
func importers(root string, modules []string) (map[string]string, error) {
	product, tests := map[string]map[string]bool{}, map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(name)) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		folder, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		into := product
		if strings.HasSuffix(name, "_test.go") {
			into = tests
		}
		return imports(name, func(path string) { note(into, owner(path, modules), folder) })
	})
	out := map[string]string{}
	for _, m := range modules {
		users := sortedKeys(product[m])
		for _, folder := range sortedKeys(tests[m]) {
			if !product[m][folder] {
				users = append(users, folder+" (tests)")
			}
		}
		slices.Sort(users)
		out[m] = strings.Join(users, ", ")
	}
	return out, err
}

func imports(name string, visit func(string)) error {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		visit(path)
	}
	return nil
}

// owner is the module of a package; empty when it is none of them.
func owner(path string, modules []string) string {
	best := ""
	for _, m := range modules {
		if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

func note(into map[string]map[string]bool, module, folder string) {
	if into[module] == nil {
		into[module] = map[string]bool{}
	}
	into[module][folder] = true
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
