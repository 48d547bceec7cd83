// Package known holds failures that a vendor knows and accepts for a while: a
// file of entries, each bound to one case, one requirement and one message, with
// a reason, an issue and a last day. The list has two sides: a failure that is
// not listed fails, and an entry that accepts nothing is an error.
package known

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// File is a file of known failures.
type File struct {
	Name    string
	Source  []byte
	Digest  string // "sha256:..." of the bytes
	Suite   *syntax.KnownSuite
	Entries []Entry
}

// Entry is a failure that is accepted.
type Entry struct {
	Case        string // a pattern, see [Entry.Names]
	Requirement string
	Message     string // a pattern, see [Entry.Accepts]
	Reason      string
	Issue       string
	Expires     string // the last day, "2027-01-31"

	raw syntax.KnownEntry
}

// todo is what --write-known-failing writes where only a person knows.
const todo = "TODO"

// Is tells whether a file says of itself that it is one of known failures.
func Is(data []byte) bool {
	var head struct{ Kind string }
	return yaml.Unmarshal(data, &head) == nil && head.Kind == syntax.KnownKind
}

// Load reads a file. It is usable when the list has no errors, and never nil.
// What only the cases and the day can tell is left to [File.Check].
func Load(name string, data []byte) (*File, diag.List) {
	sum := sha256.Sum256(data)
	f := &File{Name: name, Source: data, Digest: "sha256:" + hex.EncodeToString(sum[:])}
	root, list := scenarios.ReadDocument(name, data)
	if root == nil || list.HasErrors() {
		return f, list.Sort()
	}
	doc, more := syntax.DecodeKnownFailing(name, root)
	list = append(list, more...)
	list = append(list, header(doc)...)
	f.Suite = doc.Suite
	for _, e := range doc.Entries {
		list = append(list, checkEntry(&e)...)
		f.Entries = append(f.Entries, Entry{
			Case: e.Case.S, Requirement: e.Requirement.S, Message: e.Message.S,
			Reason: e.Reason.S, Issue: e.Issue.S, Expires: e.Expires.S, raw: e,
		})
	}
	return f, list.Sort()
}

func header(doc *syntax.KnownFailing) (list diag.List) {
	if doc.APIVersion.S != syntax.APIVersion && doc.APIVersion.Pos.Line > 0 {
		list.Add(diag.Kind, doc.APIVersion.Pos, "write "+syntax.APIVersion, "unknown apiVersion %q", doc.APIVersion.S)
	}
	if doc.Kind.S != syntax.KnownKind && doc.Kind.Pos.Line > 0 {
		list.Add(diag.Kind, doc.Kind.Pos, "write "+syntax.KnownKind, "unknown kind %q", doc.Kind.S)
	}
	return list
}

var dayRE = regexp.MustCompile(syntax.DatePattern)

// checkEntry looks at the fields that are given.
func checkEntry(e *syntax.KnownEntry) (list diag.List) {
	unfilled(e, &list)
	if filled(e.Requirement) {
		if _, ok := requirements.Lookup(e.Requirement.S); !ok {
			list.Add(diag.UnknownReq, e.Requirement.Pos, diag.DidYouMean(e.Requirement.S, requirements.IDs()),
				"unknown requirement %q", e.Requirement.S)
		}
	}
	if filled(e.Issue) {
		if u, err := url.Parse(e.Issue.S); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			list.Add(diag.BadIssue, e.Issue.Pos, "write a URL", "the issue %q cannot be followed", e.Issue.S)
		}
	}
	if filled(e.Expires.Text) {
		if _, err := time.Parse(time.DateOnly, e.Expires.S); err != nil || !dayRE.MatchString(e.Expires.S) {
			list.Add(diag.BadDay, e.Expires.Pos, "write it as in 2027-01-31", "%q is no day", e.Expires.S)
		}
	}
	return list
}

// filled tells whether a field has a text that a person wrote.
func filled(t syntax.Text) bool {
	text := strings.TrimSpace(t.S)
	return text != "" && !strings.HasPrefix(text, todo)
}

// unfilled tells once of an entry which of its fields are not.
func unfilled(e *syntax.KnownEntry, list *diag.List) {
	var names []string
	var first diag.Pos
	for _, f := range []struct {
		name string
		text syntax.Text
	}{
		{"case", e.Case},
		{"requirement", e.Requirement},
		{"message", e.Message},
		{"reason", e.Reason},
		{"issue", e.Issue},
		{"expires", e.Expires.Text},
	} {
		if f.text.Pos.Line == 0 || filled(f.text) { // missing, or no text: that was told
			continue
		}
		if names == nil {
			first = f.text.Pos
		}
		names = append(names, f.name)
	}
	if names != nil {
		list.Add(diag.Unfilled, first, "only you can know", "to be filled in: %s", strings.Join(names, ", "))
	}
}

// MostCases is how many cases an entry may match.
const MostCases = 20

// Check holds the entries to a day, to all the cases that exist, and to each
// other. today is a day as in an entry; version is that of the suite.
func (f *File) Check(today, version string, cases []*scenarios.Case) diag.List {
	var list diag.List
	ids := make([]string, len(cases))
	for i, c := range cases {
		ids[i] = c.ID()
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Expires < today {
			list.Add(diag.Expired, e.raw.Expires.Pos, "mend the prober, or look at the issue and give it another day",
				"accepted until %s, and today is %s", e.Expires, today)
		}
		switch n := len(e.among(ids)); {
		case n == 0:
			list.Add(diag.NoSuchCase, e.raw.Case.Pos, suggestion(e.Case, ids), "no embedded case and none that was given matches %q", e.Case)
		case n > MostCases:
			list.Add(diag.TooWide, e.raw.Case.Pos, "", "%q matches %d cases, more than %d", e.Case, n, MostCases)
		}
		for j := range i {
			if o := &f.Entries[j]; e.overlaps(o, ids) {
				list.Add(diag.ListedTwice, e.raw.Pos, "", "the entry of line %d accepts the same", o.raw.Pos.Line)
			}
		}
	}
	if s := f.Suite; s != nil && s.Digest.S != f.suiteDigest(cases) {
		list.Add(diag.OtherSuite, s.Digest.Pos, "look at the entries again: --known-failing with --write-known-failing",
			"written for suite %q, whose cases were other ones; this is %q", cmp.Or(s.Version.S, "unknown"), version)
	}
	return list.Sort()
}

// suggestion names cases, or names of scenarios, that may be meant.
func suggestion(pattern string, ids []string) string {
	var words []string
	for _, id := range ids {
		words = append(words, forms(id)...)
	}
	slices.Sort(words)
	return diag.DidYouMean(pattern, slices.Compact(words))
}

// forms are the ways to name a case: its id, without its profile, without its
// values, without both.
func forms(id string) []string {
	body, profile, _ := strings.Cut(id, "@")
	name, _, _ := strings.Cut(body, "[")
	return []string{id, body, name + "@" + profile, name}
}

// Names tells whether the entry is about a case: by its id, with or without
// its profile and its values; "*" stands for any text.
func (e *Entry) Names(id string) bool {
	return slices.ContainsFunc(forms(id), func(form string) bool { return like(e.Case, form) })
}

func (e *Entry) among(ids []string) []string {
	var list []string
	for _, id := range ids {
		if e.Names(id) {
			list = append(list, id)
		}
	}
	return list
}

// Accepts tells whether the entry accepts a message under its requirement:
// its own is a part of it, where "*" stands for any text.
func (e *Entry) Accepts(message string) bool { return like("*"+e.Message+"*", message) }

// overlaps tells whether another entry can accept the same failure.
func (e *Entry) overlaps(o *Entry, ids []string) bool {
	return e.Requirement == o.Requirement && (e.Accepts(o.Message) || o.Accepts(e.Message)) &&
		slices.ContainsFunc(ids, func(id string) bool { return e.Names(id) && o.Names(id) })
}

// like matches a text with a pattern in which "*" stands for any text and
// everything else for itself: ids hold brackets.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		at := strings.Index(text, p)
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return strings.HasSuffix(text, last)
}

// suiteDigest is the digest over the cases that entries name.
func (f *File) suiteDigest(cases []*scenarios.Case) string {
	h := sha256.New()
	for _, line := range f.named(cases) {
		fmt.Fprintln(h, line)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// named lists the cases that entries name, with the digests of their files.
func (f *File) named(cases []*scenarios.Case) []string {
	var lines []string
	for _, c := range cases {
		if slices.ContainsFunc(f.Entries, func(e Entry) bool { return e.Names(c.ID()) }) {
			lines = append(lines, c.ID()+" "+c.Digest)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
