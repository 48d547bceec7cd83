package findings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
)

// TestPages: every page can be read, its rules are in the catalogue, and its
// cases are there; the index has a line for each.
func TestPages(t *testing.T) {
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 7 {
		t.Errorf("only %d pages", len(list))
	}
	index, err := pages.ReadFile(Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		for _, id := range f.Requirements {
			if _, ok := requirements.Lookup(id); !ok {
				t.Errorf("%s: no requirement %s", f.Page, id)
			}
		}
		for _, name := range f.Cases {
			if _, err := fs.Stat(scenarios.Embedded(), name+".yaml"); err == nil {
				continue
			}
			if _, err := os.Stat("../testdata/vms/" + name + ".yaml"); err != nil {
				t.Errorf("%s: no case %s", f.Page, name)
			}
		}
		line := fmt.Sprintf("| [%s](%s) | %s | %s |", f.Title, f.Page, strings.Join(f.Requirements, ", "), f.Observed)
		if !slices.Contains(strings.Split(string(index), "\n"), line) {
			t.Errorf("%s: the index lacks\n%s", f.Page, line)
		}
	}
}

// sections are those of every page, in this order.
var sections = []string{ //nolint:gochecknoglobals // a constant
	"What happened", "What was expected", "How to reproduce", "Environment", "In the sources", "History", "What could be done",
}

// TestSections: a page is a whole report, with the command that runs its cases.
func TestSections(t *testing.T) {
	each(t, func(t *testing.T, f *Finding, text string) {
		t.Helper()
		if !strings.Contains(text, "\n# "+f.Title+"\n\n") {
			t.Error("its heading is not its title")
		}
		at := 0
		for _, s := range sections {
			next := strings.Index(text[at:], "\n## "+s+"\n\n")
			if next < 0 {
				t.Fatalf("no section %q in its place", s)
			}
			at += next + 1
		}
		if !strings.Contains(text, "\n```sh\n"+f.Command()+"\n```\n") {
			t.Errorf("it lacks the command\n%s", f.Command())
		}
		if !strings.Contains(text, "\nKubeVirt "+f.KubeVirt+", built") {
			t.Errorf("its environment lacks KubeVirt %s", f.KubeVirt)
		}
	})
}

// TestManifests: a page's manifest is refused by KubeVirt where the page is about
// a refusal, in the words of the page and by whom the page says; another is
// admitted, and has probes of the kinds of its case.
func TestManifests(t *testing.T) {
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	each(t, func(t *testing.T, f *Finding, text string) {
		t.Helper()
		machines, err := spec.Decode(f.Manifest)
		if err != nil || len(machines) != 1 {
			t.Fatalf("%d machines, %v", len(machines), err)
		}
		r := machines[0].Resolve(profile)
		refused := ""
		for _, x := range r.Findings {
			if x.Severity == spec.Rejects {
				refused = x.By
				if !slices.Contains(f.Requirements, x.Requirement) || !strings.Contains(text, x.Message) {
					t.Errorf("%s refuses the manifest, which the page does not say: %s", x.By, x.Message)
				}
			}
		}
		want := map[string]string{"template-without-run-strategy.md": spec.ByWebhook, "webhook-gaps.md": spec.ByAPIServer}[f.Page]
		if refused != want {
			t.Errorf("refused by %q, want %q", refused, want)
		}
		if len(r.Probes) == 0 {
			t.Error("it has no probe")
		}
	})
}

// place is a link to the sources with the text that is there.
var place = regexp.MustCompile("(?m)^\\| \\[([^]:]+):(\\d+)(?:-(\\d+))?\\]\\(([^)]*)\\) \\| `(.*?)` \\|")

// TestPlaces: the sources that a page names have at these lines what it says. The
// module of KubeVirt itself is no dependency: where it is not in Go's cache, only
// the places in its API are read.
func TestPlaces(t *testing.T) {
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	read, absent := 0, 0
	each(t, func(t *testing.T, f *Finding, text string) {
		t.Helper()
		found := place.FindAllStringSubmatch(text, -1)
		if len(found) == 0 {
			t.Error("no place in the sources")
		}
		for _, m := range found {
			file, first, last, link, code := m[1], number(m[2]), number(m[3]), m[4], m[5]
			lines := fmt.Sprintf("#L%d-L%d", first, last)
			if m[3] == "" {
				lines, last = fmt.Sprintf("#L%d", first), first
			}
			if want := "https://github.com/kubevirt/kubevirt/blob/" + f.KubeVirt + "/" + file + lines; link != want {
				t.Errorf("the link is %s, want %s", link, want)
			}
			module, path := "kubevirt", file
			if of, ok := strings.CutPrefix(file, "staging/src/kubevirt.io/api/"); ok {
				module, path = "api", of
			}
			source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(cache)), "kubevirt.io", module+"@"+f.KubeVirt, path))
			if errors.Is(err, fs.ErrNotExist) && module == "kubevirt" {
				absent++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			read++
			there := strings.Split(string(source), "\n")
			if last > len(there) || !strings.Contains(strings.Join(there[first-1:last], "\n"), code) {
				t.Errorf("%s has no %q at lines %d-%d", file, code, first, last)
			}
		}
	})
	t.Logf("%d places read, %d of a module that is not in the cache", read, absent)
	if read == 0 {
		t.Error("no place was read")
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // of digits, or empty
	return n
}

// each visits the pages.
func each(t *testing.T, visit func(t *testing.T, f *Finding, text string)) {
	t.Helper()
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		f := &list[i]
		text, err := pages.ReadFile(f.Page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(f.Page, ".md"), func(t *testing.T) { visit(t, f, string(text)) })
	}
}

// TestParse: what is wrong with a page is told at once.
func TestParse(t *testing.T) {
	for page, want := range map[string][]string{
		"# A page\n":                                  {"no block of YAML"},
		"---\ntitle: a\nwhat: b\n---\n":               {"what"},
		"---\nobserved: perhaps\n---\n":               {"title, requirements and kubevirt", `"perhaps"`},
		"---\nobserved: \"not run: \"\n---\n":         {`"not run: "`},
		"---\ntitle: a\nobserved: reproduced\n---\n#": {"no case shows it", "title, requirements and kubevirt"},
	} {
		_, err := parse([]byte(page))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %q is not told: %v", page, w, err)
			}
		}
	}
}
