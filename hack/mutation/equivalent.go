package main

import (
	"fmt"
	"slices"
	"strings"
)

// equivalents are the survivors that no scenario can kill, with the reason.
//
// An entry is the key of a mutant on a line of its own and the reason on the
// indented lines below it. Lines that begin with "#" are comments.
type equivalents map[string]string

func parseEquivalents(text string) (equivalents, error) {
	list := equivalents{}
	key := ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if key == "" {
				return nil, fmt.Errorf("line %d: a reason without a mutant", i+1)
			}
			list[key] = strings.TrimSpace(list[key] + " " + strings.TrimSpace(line))
		default:
			key = strings.TrimSpace(line)
			if _, twice := list[key]; twice {
				return nil, fmt.Errorf("line %d: entered twice: %s", i+1, key)
			}
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

// stale lists the entries that are of no use: the source says something else
// now, or the mutant is killed. Only packages that were mutated are looked
// at.
func (e equivalents) stale(packages []string, mutants []*mutant, killed func(*mutant) bool) (list []string) {
	byKey := map[string]*mutant{}
	for _, m := range mutants {
		byKey[m.key()] = m
	}
	for _, key := range e.keys() {
		if !slices.ContainsFunc(packages, func(p string) bool { return inPackage(key, p) }) {
			continue
		}
		switch m := byKey[key]; {
		case m == nil:
			list = append(list, "no such mutant: "+key)
		case killed(m):
			list = append(list, "is killed: "+key)
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
