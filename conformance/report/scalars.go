package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// seconds is a time span of the document: seconds with all their digits,
// "103.4s". Unlike the instants of texts it loses nothing.
type seconds time.Duration

// MarshalText implements encoding.TextMarshaler.
func (s seconds) MarshalText() ([]byte, error) {
	sign, n := "", uint64(s)
	if s < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%s%d", sign, n/uint64(time.Second))
	if frac := n % uint64(time.Second); frac != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", frac), "0")
	}
	return []byte(text + "s"), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. Only what MarshalText
// writes is accepted.
func (s *seconds) UnmarshalText(text []byte) error {
	d, err := parseSeconds(string(text))
	if err == nil {
		again, _ := seconds(d).MarshalText() // never fails
		if string(again) == string(text) {
			*s = seconds(d)
			return nil
		}
	}
	return fmt.Errorf(`time %q: want seconds, as in "103.4s"`, text)
}

// parseSeconds reads "-103.4s" in integers.
func parseSeconds(text string) (time.Duration, error) {
	digits, ok := strings.CutSuffix(text, "s")
	if !ok {
		return 0, strconv.ErrSyntax
	}
	whole, frac, _ := strings.Cut(digits, ".")
	frac += strings.Repeat("0", max(9-len(frac), 0))
	n, err := strconv.ParseInt(whole+frac[:9], 10, 64)
	return time.Duration(n), err
}

// docResult is the state of a case in the document.
type docResult judge.Result

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *docResult) UnmarshalText(text []byte) error {
	if !slices.Contains(judge.Results(), judge.Result(text)) {
		var words []string
		for _, known := range judge.Results() {
			words = append(words, string(known))
		}
		return fmt.Errorf("result %q: %s", text, diag.DidYouMean(string(text), words))
	}
	*r = docResult(text)
	return nil
}
