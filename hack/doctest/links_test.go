package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinksOfAPage(t *testing.T) {
	text := "# A `run`, twice\n[a](b.md#c) and [d](#e-f)\n```sh\nx [no](link)\n```\n[web](https://example.com)\n"
	if diff := cmp.Diff([]string{"b.md#c", "#e-f"}, Links(text)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{"a-run-twice": true}, Anchors(text)); diff != "" {
		t.Error(diff)
	}
}

// TestLinks: every link of every README leads to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	found := 0
	for _, name := range readmes(t) {
		dir := filepath.Dir(filepath.Join(root, name))
		for _, l := range Links(page(t, name)) {
			found++
			path, anchor, _ := strings.Cut(l, "#")
			target := filepath.Join(dir, path)
			if path == "" {
				target = filepath.Join(root, name)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", name, l, err)
				continue
			}
			if anchor == "" {
				continue
			}
			text, err := os.ReadFile(target)
			if err != nil || !Anchors(string(text))[anchor] {
				t.Errorf("%s: link to %s: no such heading (%v)", name, l, err)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d links found", found)
	}
}
