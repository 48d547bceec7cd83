package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

var (
	scenarioKind = regexp.MustCompile(`^kind: Scenario\s*$`)
	specKey      = regexp.MustCompile(`^spec:\s*(#.*)?$`)
	ours         = regexp.MustCompile(`^  kills:`)
	before       = regexp.MustCompile(`^  (title|requirements|profiles|features):`)
	oneLine      = regexp.MustCompile(`^  [a-z]+: +(\[[^\]]*\]|[^ \[{>|&*!].*)\s*(#.*)?$`)
)

// rewrite gives the Scenario of the file another "kills". The line is replaced
// where it is, or comes after the keys that the language has before it; every
// other byte stays.
func rewrite(text []byte, list []string) ([]byte, error) {
	lines := strings.SplitAfter(string(text), "\n")
	spec := slices.IndexFunc(lines, scenarioKind.MatchString)
	if spec < 0 {
		return nil, errors.New("no line \"kind: Scenario\"")
	}
	next := slices.IndexFunc(lines[spec:], specKey.MatchString)
	if next < 0 {
		return nil, errors.New("no line \"spec:\" in the Scenario")
	}
	spec += next
	at, replace := -1, 0
	for i := spec + 1; i < len(lines) && (strings.HasPrefix(lines[i], " ") || strings.TrimSpace(lines[i]) == ""); i++ {
		switch {
		case ours.MatchString(lines[i]):
			at, replace = i, 1
		case replace == 0 && before.MatchString(lines[i]):
			at = i + 1
		default:
			continue
		}
		if !oneLine.MatchString(strings.TrimRight(lines[i], "\r\n")) {
			return nil, errors.New("write \"" + strings.TrimSpace(lines[i]) + "\" and its value on one line")
		}
	}
	if at < 0 {
		return nil, errors.New("the spec has neither title nor requirements")
	}
	end := "\n"
	if strings.HasSuffix(lines[spec], "\r\n") {
		end = "\r\n"
	}
	line := "  kills: [" + strings.Join(list, ", ") + "]" + end
	return []byte(strings.Join(slices.Concat(lines[:at], []string{line}, lines[at+replace:]), "")), nil
}
