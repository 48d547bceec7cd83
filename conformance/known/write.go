package known

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// Written is a new file of known failures, and how it differs from the old one.
type Written struct {
	Text               []byte
	Kept, New, Dropped int // entries
}

// Write makes the file that accepts every failure of the runs. Entries of old
// (nil: there is none) that still hold are kept as they are, with all that a
// person wrote; so are those about cases that were not judged in these runs.
// cases are all that exist, version is that of the suite.
func Write(old *File, runs []judge.Verdict, version string, cases []*scenarios.Case) (*Written, error) {
	if old == nil {
		old = &File{}
	}
	w := &Written{}
	var entries []Entry
	for i := range old.Entries {
		if e := &old.Entries[i]; e.holds(runs, cases) {
			entries = append(entries, *e)
			w.Kept++
		} else {
			w.Dropped++
		}
	}
	kept := &File{Entries: entries}
	fresh := unlisted(kept, runs)
	for i := range fresh {
		fresh[i].inherit(old)
	}
	w.New = len(fresh)
	all := &File{Entries: append(entries, fresh...)}
	slices.SortStableFunc(all.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Case, b.Case), cmp.Compare(a.Requirement, b.Requirement), cmp.Compare(a.Message, b.Message))
	})
	var err error
	w.Text, err = all.text(version, all.suiteDigest(cases))
	return w, err
}

// holds tells whether every judged case that the entry names fails as it says.
func (e *Entry) holds(runs []judge.Verdict, cases []*scenarios.Case) bool {
	if !slices.ContainsFunc(cases, func(c *scenarios.Case) bool { return e.Names(c.ID()) }) {
		return false
	}
	return len((&File{Entries: []Entry{*e}}).Stale(runs)) == 0
}

// unlisted are entries for the failures that no entry accepts.
func unlisted(f *File, runs []judge.Verdict) []Entry {
	type key struct{ id, requirement string }
	messages := map[key][]string{}
	for i := range runs {
		v := &runs[i]
		if v.Result != judge.Fail && v.Result != judge.Exempt {
			continue
		}
		for _, first := range firsts(v) {
			if f.accepting(v.Case, &first) == nil {
				k := key{v.Case, first.Requirement}
				messages[k] = append(messages[k], first.Message)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(messages), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.requirement, b.requirement))
	})
	var list []Entry
	for _, k := range keys {
		for _, m := range inCommon(messages[k]) {
			list = append(list, Entry{Case: k.id, Requirement: k.requirement, Message: m, Reason: todo, Issue: todo, Expires: todo})
		}
	}
	return list
}

var numbers = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// inCommon makes one pattern of messages that differ in numbers alone, such as
// those of several seeds.
func inCommon(messages []string) []string {
	like := map[string][]string{}
	for _, m := range messages {
		shape := numbers.ReplaceAllString(m, "*")
		like[shape] = append(like[shape], m)
	}
	var list []string
	for _, shape := range slices.Sorted(maps.Keys(like)) {
		if same := slices.Compact(slices.Sorted(slices.Values(like[shape]))); len(same) == 1 {
			shape = same[0]
		}
		list = append(list, shape)
	}
	return list
}

// inherit takes reason, issue and day of an old entry about the same
// requirement and case: a message that has changed has not changed the reason.
func (e *Entry) inherit(old *File) {
	for i := range old.Entries {
		if o := &old.Entries[i]; o.Requirement == e.Requirement && o.Names(e.Case) {
			e.Reason, e.Issue, e.Expires = o.Reason, o.Issue, o.Expires
			return
		}
	}
}

// text is the file as people edit it.
func (f *File) text(version, digest string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nsuite:\n  version: %s\n  digest: %s\n",
		syntax.APIVersion, syntax.KnownKind, scalar(version), digest)
	if len(f.Entries) == 0 {
		b.WriteString("entries: []\n")
		return b.Bytes(), nil
	}
	b.WriteString("entries:\n")
	for i := range f.Entries {
		e := &f.Entries[i]
		mark := "- "
		for _, field := range [][2]string{
			{"case", e.Case},
			{"requirement", e.Requirement},
			{"message", e.Message},
			{"reason", e.Reason},
			{"issue", e.Issue},
			{"expires", e.Expires},
		} {
			value := scalar(field[1])
			if field[0] == "expires" {
				value = field[1] // a day is no text to YAML
			}
			fmt.Fprintf(&b, "  %s%s: %s\n", mark, field[0], value)
			mark = "  "
		}
	}
	if _, list := Load("", b.Bytes()); slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Code != diag.Unfilled }) {
		return nil, fmt.Errorf("what would be written cannot be read: %w", list.Err())
	}
	return b.Bytes(), nil
}

// scalar writes a text as one YAML scalar on one line.
func scalar(s string) string {
	out, err := yaml.Marshal(s)
	text := strings.TrimSuffix(string(out), "\n")
	if err != nil || strings.Contains(text, "\n") {
		return fmt.Sprintf("%q", s)
	}
	return text
}
