package findings

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/requirements"
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
