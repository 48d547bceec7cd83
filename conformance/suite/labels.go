package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/vmprobe/vmprobe/scenarios"
)

// Labels are the words by which a case can be chosen: its profile, the
// handlers of its probes, its requirements and features, and the testbed that
// it runs on. They are sorted, each once.
func Labels(c *scenarios.Case, testbed string) []string {
	list := []string{string(c.Profile.Name), testbed}
	list = append(list, c.Requirements...)
	list = append(list, c.Features...)
	for i := range c.VMs {
		for j := range c.VMs[i].Resolved.Probes {
			list = append(list, c.VMs[i].Resolved.Probes[j].Handler.String())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// LabelFilter chooses cases by their labels in the syntax of Ginkgo:
// "kubevirt && (THR-FAILURE || restart) && !exec", "/HTTP-.*/". The zero value
// chooses every case.
type LabelFilter struct{ match types.LabelFilter }

// ParseLabelFilter reads a filter; empty: every case.
func ParseLabelFilter(text string) (LabelFilter, error) {
	if text == "" {
		return LabelFilter{}, nil
	}
	match, err := types.ParseLabelFilter(text)
	if err != nil {
		return LabelFilter{}, fmt.Errorf("label filter %q: %s", text, parserWords(err))
	}
	return LabelFilter{match}, nil
}

// parserWords is what Ginkgo's parser says, without its picture of the place.
func parserWords(err error) string {
	known, ok := errors.AsType[types.GinkgoError](err)
	if !ok {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(known.Message), "\n")
	return strings.TrimSuffix(strings.TrimSpace(lines[len(lines)-1]), ".")
}

// Matches tells whether the filter chooses a case on a testbed.
func (f LabelFilter) Matches(c *scenarios.Case, testbed string) bool {
	return f.match == nil || f.match(Labels(c, testbed))
}
