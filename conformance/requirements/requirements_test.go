package requirements

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
)

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

var (
	idForm    = regexp.MustCompile(`^[A-Z0-9]+(-[A-Z0-9]+)*$`)
	guideForm = regexp.MustCompile(`^14\.7(\.[1-7]( n[1-8])?)?$`)
	// sourceForm: a component first; then version and file where it has them.
	sourceForm = regexp.MustCompile(`^(kubernetes|kubevirt|k8s\.io/|guide |libvirt |qemu |go1\.|measured on )`)
	levels     = []Level{Must, Should, May, Doc, Quirk, Fact, Finding}
	handlers   = []string{"", "httpGet", "tcpSocket", "guestAgentPing", "exec"}
)

func TestEveryFieldIsPresent(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		if !idForm.MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q: malformed or duplicate id", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || len(r.Title) > 76 || strings.HasSuffix(r.Title, ".") {
			t.Errorf("%s: title %q", r.ID, r.Title)
		}
		if !slices.Contains(levels, r.Level) || !slices.Contains(Areas(), r.Area) || !slices.Contains(handlers, r.Handler) {
			t.Errorf("%s: level %q, area %q, handler %q", r.ID, r.Level, r.Area, r.Handler)
		}
		if len(r.Statement) < 20 || !strings.HasSuffix(r.Statement, ".") || strings.ContainsAny(r.Statement, "`|") {
			t.Errorf("%s: statement %q", r.ID, r.Statement)
		}
		if len(r.Why) < 40 || len(r.Why) > 320 || !strings.HasSuffix(r.Why, ".") || strings.ContainsAny(r.Why, "`|") || r.Why == r.Statement {
			t.Errorf("%s: why %q", r.ID, r.Why)
		}
		if len(r.Profiles) == 0 || len(r.Source) == 0 {
			t.Errorf("%s: profiles %v, source %v", r.ID, r.Profiles, r.Source)
		}
		for _, p := range r.Profiles {
			if _, ok := probes.LookupProfile(p); !ok {
				t.Errorf("%s: profile %q", r.ID, p)
			}
		}
		for _, s := range r.Source {
			if !sourceForm.MatchString(s) {
				t.Errorf("%s: source %q names no component", r.ID, s)
			}
		}
		for _, g := range r.Guide {
			if !guideForm.MatchString(g) {
				t.Errorf("%s: guide %q", r.ID, g)
			}
		}
	}
}

func TestEveryRuleOfTheSemanticsIsHere(t *testing.T) {
	ids := IDs()
	for _, id := range lines(t, "testdata/semantics-ids.txt") {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is missing", id)
		}
	}
}

// Reference: guide 14.7.1-14.7.6, every note.
func TestEveryGuideNoteIsARequirement(t *testing.T) {
	var cited []string
	for _, r := range All() {
		cited = append(cited, r.Guide...)
	}
	for _, note := range lines(t, "testdata/guide-notes.txt") {
		if !slices.Contains(cited, note) {
			t.Errorf("nothing stems from %s", note)
		}
	}
}

func TestProfilesAgreeWithTheKnobs(t *testing.T) {
	for _, name := range probes.ProfileNames() {
		p, _ := probes.LookupProfile(name)
		for id, want := range map[string]bool{
			"KV-DELAY-PLUS10": p.DelayExtra > 0, "GA-SUPPRESS-MIG": p.SuppressMigration,
			"GA-SUPPRESS-PAUSE": p.SuppressPause, "GA-PAUSE-ANNOT": p.PauseAnnotation,
			"GA-CMD": p.AgentAllowed, "EX-EXIT0": p.ExecAllowed, "STARTUP-GATE": p.Startup,
			"GA-TIMEOUT-INNER": p.AgentInner > 0, "LIVE-RECREATE": p.VM,
		} {
			r, ok := Lookup(id)
			if !ok || r.Holds(name) != want {
				t.Errorf("%s in %s: %v, want %v", id, name, r.Holds(name), want)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	for _, id := range IDs() {
		if r, ok := Lookup(id); !ok || r.ID != id {
			t.Errorf("Lookup(%q) = %v, %v", id, r.ID, ok)
		}
	}
	for _, id := range []string{"", "THR", "thr-failure", "ZZZ"} {
		if r, ok := Lookup(id); ok {
			t.Errorf("Lookup(%q) = %s", id, r.ID)
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	All()[0].ID = "CHANGED"
	if All()[0].ID == "CHANGED" {
		t.Error("a caller can change the catalogue")
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		written string
		want    []string
	}{
		{"THR-FAILUR", []string{"THR-FAILURE"}},
		{"thr-failure", []string{"THR-FAILURE"}},
		{"LIVE-KIL", []string{"LIVE-KILL"}},
		{"GA-SUPPRESS", []string{"GA-SUPPRESS-GAP", "GA-SUPPRESS-MIG", "GA-SUPPRESS-LATE", "GA-SUPPRESS-PAUSE"}},
		{"REDIR", []string{"HTTP-REDIR-BAD", "HTTP-REDIR-SAME", "HTTP-REDIR-CROSS", "HTTP-REDIR-LIMIT"}},
		{"NOTHING-LIKE-THIS-AT-ALL", nil},
		{"", nil},
	} {
		if diff := cmp.Diff(c.want, Suggest(c.written)); diff != "" && len(c.want)+len(Suggest(c.written)) > 0 {
			t.Errorf("Suggest(%q): %s", c.written, diff)
		}
	}
}

func TestStrictDecoding(t *testing.T) {
	for _, text := range []string{
		"version: v1\nrequirments: []\n",
		"requirements:\n- id: A\n  titel: x\n",
		"version: v1\n---\nversion: v2\n",
		"version: v1\nversion: v1\n",
	} {
		if _, err := decode([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestExcludedIsTheException(t *testing.T) {
	n := 0
	for _, r := range All() {
		if r.Excluded != "" {
			n++
			if r.Level == May {
				t.Errorf("%s: a MAY needs no exclusion", r.ID)
			}
		}
	}
	if n == 0 || n > 10 {
		t.Errorf("%d rules are excluded", n)
	}
}
