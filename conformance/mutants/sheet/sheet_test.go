package sheet_test

import (
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/mutants/sheet"
)

// matrix is a small one with everything that can be wrong, and the same text
// everywhere.
func matrix(text string) *mutants.Matrix {
	return &mutants.Matrix{
		Digest: text, Cases: 3, Seeds: 2, Unkilled: []string{text}, Claimless: []string{text}, Failing: []string{text},
		Rows: []mutants.Row{
			{
				Mutant: text, Requirement: "THR-FAILURE", Wrong: text, Source: text, Killed: true,
				Kills:  []mutants.Kill{{Case: text + "@p", Scenario: text, Seeds: []uint64{1, 2}}, {Case: text + "@q", Scenario: text, Seeds: []uint64{2}}},
				Claims: []mutants.Claim{{Scenario: text, Survives: []uint64{2}}},
			},
			{
				Mutant: "survivor", Requirement: "nobody-knows", Wrong: text, Source: text, Survives: []uint64{1},
				Misnamed: &mutants.Misnamed{Case: text, Seed: 1, Requirement: text, Message: text},
			},
		},
	}
}

func write(t *testing.T, m *mutants.Matrix) string {
	t.Helper()
	var b strings.Builder
	if err := sheet.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements lists the elements that a browser finds in the page.
func elements(t *testing.T, page string) []string {
	t.Helper()
	doc, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for n := range doc.Descendants() {
		if n.Type == nethtml.ElementNode {
			list = append(list, n.Data)
		}
	}
	return list
}

func TestPage(t *testing.T) {
	page := write(t, matrix("flip"))
	for _, want := range []string{
		"not proved", "1 of 2 mutants killed", "survivor survives at seeds 1", "flip claims to kill flip, which survives it at seeds 2",
		"no killed mutant breaks flip", "the failureThreshold-th failure turns the state", "flip@q", `data-result="survives"`,
		`aria-label="2 mutants against 1 scenarios"`, `<path d="M0 1h2"/>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Error("the page names another one")
	}
	if again := write(t, matrix("flip")); again != page {
		t.Error("the second time the bytes differ")
	}
	if proved := write(t, &mutants.Matrix{}); strings.Contains(proved, "not proved") || strings.Contains(proved, "What is missing") {
		t.Error("an empty matrix lacks something")
	}
}

// No text becomes markup.
func TestTextIsNoMarkup(t *testing.T) {
	plain := elements(t, write(t, matrix("x")))
	for _, text := range []string{"<script>alert(1)</script>", `"><img src=x onerror=y>`, "</style><b>", "]]>&amp;\x00"} {
		if got := elements(t, write(t, matrix(text))); strings.Join(got, " ") != strings.Join(plain, " ") {
			t.Errorf("%q changes the page:\n%q\n%q", text, got, plain)
		}
	}
}
