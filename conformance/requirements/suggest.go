package requirements

import (
	"cmp"
	"slices"
	"strings"
)

// maxSuggestions keeps "did you mean" readable.
const maxSuggestions = 4

// Suggest lists up to four ids that somebody may have meant: misspellings
// first, then ids that begin with or contain what was written. Nothing when
// nothing is near.
func Suggest(id string) []string {
	want := strings.ToUpper(strings.TrimSpace(id))
	if want == "" {
		return nil
	}
	type candidate struct {
		id    string
		score int
	}
	var near []candidate
	for _, have := range IDs() {
		switch d := distance(want, have); {
		case d <= max(2, len(want)/4):
			near = append(near, candidate{have, d})
		case strings.HasPrefix(have, want):
			near = append(near, candidate{have, 100 + len(have)})
		case len(want) >= 4 && strings.Contains(have, want):
			near = append(near, candidate{have, 200 + len(have)})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.id, b.id))
	})
	ids := make([]string, 0, maxSuggestions)
	for _, c := range near[:min(len(near), maxSuggestions)] {
		ids = append(ids, c.id)
	}
	return ids
}

// distance is the Levenshtein distance in bytes: ids are ASCII.
func distance(a, b string) int {
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
		}
		last, row = row, last
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
