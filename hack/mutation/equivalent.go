package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
)

// equivalents are the survivors that no scenario can kill, with the reason.
//
// An entry is the key of a mutant on a line of its own, or several such lines,
// and the reason for them on the indented lines below. A key "FILE *" or
// "FILE FUNCTION | *" stands for every mutant there that changes no value in
// any case. Lines that begin with "#" are comments.
type equivalents map[string]string

func parseEquivalents(text string) (equivalents, error) {
	list := equivalents{}
	var keys []string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if len(keys) == 0 {
				return nil, fmt.Errorf("line %d: a reason without a mutant", i+1)
			}
			for _, key := range keys {
				list[key] = strings.TrimSpace(list[key] + " " + strings.TrimSpace(line))
			}
		default:
			key := strings.TrimSpace(line)
			if _, twice := list[key]; twice {
				return nil, fmt.Errorf("line %d: entered twice: %s", i+1, key)
			}
			if len(keys) > 0 && list[keys[0]] != "" {
				keys = nil
			}
			keys = append(keys, key)
			list[key] = ""
		}
	}
	for _, key := range list.keys() {
		if list[key] == "" {
			return nil, fmt.Errorf("no reason is given for: %s", key)
		}
	}
	return list, nil
}

func (e equivalents) keys() []string {
	var keys []string
	for key := range e {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// entry finds the entry that holds for a mutant; empty when there is none.
func (e equivalents) entry(m *mutant, r *protocol.Result) string {
	if r.Killed() {
		return ""
	}
	if _, ok := e[m.key()]; ok {
		return m.key()
	}
	for _, key := range e.keys() {
		if prefix, ok := strings.CutSuffix(key, "*"); ok && r.Reaching == 0 && strings.HasPrefix(m.key(), prefix) {
			return key
		}
	}
	return ""
}

// stale lists the entries that are of no use: the source says something else
// now, or the mutant is killed. Only packages that were mutated are looked
// at.
func (e equivalents) stale(packages []string, used map[string]bool) (list []string) {
	for _, key := range e.keys() {
		if !used[key] && slices.ContainsFunc(packages, func(p string) bool { return inPackage(key, p) }) {
			list = append(list, key)
		}
	}
	return list
}

// inPackage tells whether a key names a file right in the directory.
func inPackage(key, dir string) bool {
	rest, ok := strings.CutPrefix(key, dir+"/")
	file, _, _ := strings.Cut(rest, " ")
	return ok && !strings.Contains(file, "/")
}
