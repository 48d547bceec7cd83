package diag

import (
	"fmt"
	"slices"
	"strings"
)

// maxWord bounds the words that are compared: nobody mistypes longer ones,
// and a megabyte of garbage must not cost a quadratic comparison.
const maxWord = 64

// maxSuggestions bounds the answer.
const maxSuggestions = 3

// Suggest gives the candidates that someone who wrote word may have meant,
// best first, at most three, none when nothing is near. The rule is that of
// rustc: the same letters in another case win; then an edit distance (with
// transpositions) of at most max(len(word), 3)/3; then the same words in
// another order, so that "delay-initial" finds "initialDelay".
func Suggest(word string, candidates []string) []string {
	if word == "" || len(word) > maxWord {
		return nil
	}
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)

	lower := strings.ToLower(word)
	for _, c := range sorted {
		if c != word && strings.ToLower(c) == lower {
			return []string{c}
		}
	}
	limit := max(len([]rune(word)), 3) / 3
	type near struct {
		word     string
		distance int
	}
	var found []near
	for _, c := range sorted {
		if c == word || len(c) > maxWord {
			continue
		}
		if d := distance([]rune(lower), []rune(strings.ToLower(c))); d <= limit {
			found = append(found, near{c, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	var out []string
	for _, f := range found {
		if f.distance > found[0].distance || len(out) == maxSuggestions {
			break
		}
		out = append(out, f.word)
	}
	if out != nil {
		return out
	}
	key := sortedWords(word)
	for _, c := range sorted {
		if c != word && strings.Contains(key, " ") && sortedWords(c) == key {
			return []string{c}
		}
	}
	return nil
}

// DidYouMean is the help text for a word: `did you mean "x"?`, `did you mean
// "x" or "y"?`, and, when nothing is near but the choice is small, the whole
// choice.
func DidYouMean(word string, candidates []string) string {
	s := Suggest(word, candidates)
	if len(s) > 0 {
		return fmt.Sprintf("did you mean %s?", orList(s))
	}
	if n := len(candidates); n > 0 && n <= 12 {
		all := slices.Clone(candidates)
		slices.Sort(all)
		return "expected " + orList(slices.Compact(all))
	}
	return ""
}

// maxRelated bounds a list of related words.
const maxRelated = 8

// Related lists candidates such as HTTP-BODY-CAP that begin with as many of
// the dashed words of a word as any does: for somebody who remembers half a
// name. At most eight, sorted.
func Related(word string, candidates []string) []string {
	for prefix := strings.ToUpper(word); prefix != ""; {
		var found []string
		for _, c := range candidates {
			if strings.HasPrefix(strings.ToUpper(c)+"-", prefix+"-") {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			slices.Sort(found)
			return found[:min(len(found), maxRelated)]
		}
		prefix = prefix[:max(strings.LastIndexByte(prefix, '-'), 0)]
	}
	return nil
}

func orList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// sortedWords splits camelCase, kebab-case, snake_case and dotted names.
func sortedWords(s string) string {
	var words []string
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(s[start:end]))
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '-' || c == '_' || c == '.' || c == ' ' || c == '/':
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > 0 && s[i-1] >= 'a' && s[i-1] <= 'z':
			flush(i)
			start = i
		}
	}
	flush(len(s))
	slices.Sort(words)
	return strings.Join(words, " ")
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours cost 1.
func distance(a, b []rune) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
