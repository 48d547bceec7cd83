package diag_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func TestSuggest(t *testing.T) {
	names := []string{"interval", "initialDelay", "period", "periods", "READY", "refused", "refuse-all", "timeout"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"intervall", []string{"interval"}},
		{"INTERVAL", []string{"interval"}},
		{"ready", []string{"READY"}},
		{"perido", []string{"period"}},             // a swap costs 1
		{"delayInitial", []string{"initialDelay"}}, // the words in another order
		{"delay-initial", []string{"initialDelay"}},
		{"periodx", []string{"period", "periods"}}, // equally near: both
		{"xyz", nil},
		{"", nil},
		{"timeout", nil}, // it is right already
		{strings.Repeat("x", 10_000), nil},
	} {
		if got := diag.Suggest(c.word, names); !slices.Equal(got, c.want) {
			t.Errorf("Suggest(%.20q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestRelated(t *testing.T) {
	ids := []string{"TCP-RST", "HTTP-BODY-CAP", "TCP-CONN", "HTTP-GET", "HTTP-BODY-ERROR", "TCPX"}
	for word, want := range map[string][]string{
		"TCP": {"TCP-CONN", "TCP-RST"}, "tcp-connect": {"TCP-CONN", "TCP-RST"},
		"HTTP-BODY":     {"HTTP-BODY-CAP", "HTTP-BODY-ERROR"},
		"HTTP-BODY-END": {"HTTP-BODY-CAP", "HTTP-BODY-ERROR"},
		"TCPX":          {"TCPX"}, "": nil, "UDP-1": nil, "-": nil,
	} {
		if got := diag.Related(word, ids); !slices.Equal(got, want) {
			t.Errorf("Related(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestSuggestFinds: a word with one letter lost, added, changed or swapped is
// found again among the words it came from.
func TestSuggestFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{6,12}`).Draw(t, "word")
		at := rapid.IntRange(0, len(word)-2).Draw(t, "at")
		wrong := []string{
			word[:at] + word[at+1:], word[:at] + "q" + word[at:], word[:at] + "q" + word[at+1:],
			word[:at] + word[at+1:at+2] + word[at:at+1] + word[at+2:],
		}[rapid.IntRange(0, 3).Draw(t, "how")]
		got := diag.Suggest(wrong, []string{word, "somethingelse"})
		if wrong != word && !slices.Contains(got, word) {
			t.Fatalf("%q is not found for %q: %q", word, wrong, got)
		}
	})
}

func TestDidYouMean(t *testing.T) {
	for _, c := range []struct {
		word, want string
		candidates []string
	}{
		{"redy", `did you mean "ready"?`, []string{"ready", "live"}},
		{"xyz", `expected "live" or "ready"`, []string{"ready", "live"}},
		{"xyz", "", strings.Split("abcdefghijklmnop", "")},
		{"xyz", "", nil},
	} {
		if got := diag.DidYouMean(c.word, c.candidates); got != c.want {
			t.Errorf("DidYouMean(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func example() (diag.List, diag.Sources) {
	var l diag.List
	at := func(line, col, end int) diag.Pos {
		return diag.Pos{File: "flap.yaml", Line: line, Col: col, EndCol: end}
	}
	l.Add(diag.UnknownField, at(3, 3, 12), `did you mean "interval"?`, "unknown field %q", "intervall")
	l.Add(diag.Weak, at(1, 1, 0), "", "wide, 100%% sure")
	l.Add(diag.UnknownField, at(3, 3, 12), `did you mean "interval"?`, "unknown field %q", "intervall")
	l.Add(diag.Stream, diag.Pos{File: "flap.yaml"}, "", "empty: a, b")
	l.Add(diag.YAML, at(99, 1, 2), "", "behind the end")
	l.Add(diag.YAML, at(4, 40, 50), "", "behind the line")
	l[0].Notes = []string{"first\nsecond"}
	return l.Sort(), diag.Sources{"flap.yaml": []byte("größe: 1\n\nx:\tintervall: 5s\r\nlast")}
}

func TestText(t *testing.T) {
	list, sources := example()
	var b strings.Builder
	if err := diag.WriteText(&b, list, sources); err != nil {
		t.Fatal(err)
	}
	want := `flap.yaml: error[S005]: empty: a, b
  = explain: vmprobe explain S005

flap.yaml:1:1: warning[S041]: wide, 100% sure
     |
   1 | größe: 1
     | ^
     = explain: vmprobe explain S041

flap.yaml:3:3: error[S014]: unknown field "intervall"
     |
   3 | x: intervall: 5s
     |   ^^^^^^^^^ did you mean "interval"?
     = note: first
second
     = explain: vmprobe explain S014

flap.yaml:4:40: error[S002]: behind the line
     |
   4 | last
     |     ^ 
     = explain: vmprobe explain S002

flap.yaml:99:1: error[S002]: behind the end
  = explain: vmprobe explain S002
`
	want = strings.ReplaceAll(want, "^ \n", "^\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestGitHub(t *testing.T) {
	list, _ := example()
	var b strings.Builder
	if err := diag.WriteGitHub(&b, list[:3]); err != nil {
		t.Fatal(err)
	}
	want := `::error file=flap.yaml,title=S005::empty: a, b
::warning file=flap.yaml,line=1,col=1,title=S041::wide, 100%25 sure
::error file=flap.yaml,line=3,col=3,endColumn=12,title=S014::unknown field "intervall" (did you mean "interval"?)%0Afirst%0Asecond
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSON(t *testing.T) {
	list, _ := example()
	var b strings.Builder
	if err := diag.WriteJSON(&b, list); err != nil {
		t.Fatal(err)
	}
	var back diag.List
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list, back); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := diag.WriteJSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestErr(t *testing.T) {
	list, _ := example()
	if err := list.Err(); err == nil || !strings.Contains(err.Error(), "and 3 more") {
		t.Errorf("%v", err)
	}
	if err := list[1:2].Err(); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
	if !list.HasErrors() || list[1:2].HasErrors() {
		t.Error("HasErrors")
	}
}

// TestCodes: codes are numbered without gap, and explained in any case.
func TestCodes(t *testing.T) {
	all := diag.Codes()
	if len(all) < 50 {
		t.Fatalf("%d codes", len(all))
	}
	for _, c := range all {
		if _, ok := diag.Explain(strings.ToLower(string(c))); !ok {
			t.Errorf("%s is not explained", c)
		}
	}
	if _, ok := diag.Explain("S999"); ok {
		t.Error("S999 is explained")
	}
}
