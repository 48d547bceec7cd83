package draft

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// compose writes the Scenario document.
func compose(b *bytes.Buffer, stories []*story, o Options) {
	w := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	var ids, lets, findings []string
	until := time.Duration(0)
	for _, s := range stories {
		for _, id := range s.requirements {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		lets, findings = append(lets, s.lets...), append(findings, s.findings...)
		until = max(until, up10(s.end+s.tail+20*time.Second))
	}
	w("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec:", syntax.APIVersion, syntax.Kind, o.Name)
	w("  title: %s", title(stories))
	w("  requirements: [%s]", strings.Join(ids, ", "))
	w("  profiles: [%s]", o.Profile.Name)
	if len(o.Kills) > 0 {
		w("  # Wrong probers that this scenario was seen to catch: vmprobe explain %s", o.Kills[0])
		w("  kills: [%s]", strings.Join(o.Kills, ", "))
	}
	w("  until: %s\n  guests:", seconds(until))
	for _, s := range stories {
		if len(s.endpoints) == 0 {
			continue
		}
		w("    %s:", s.vm)
		for _, e := range s.endpoints {
			w("      %s:", e.key)
			list(w, 8, e.steps)
		}
	}
	if len(lets) > 0 {
		w("  let:")
		for _, l := range lets {
			w("    %s", l)
		}
	}
	w("  # Windows hold for every phase that the ticks of a prober may have. Write no tolerance.\n  expect:")
	for _, s := range stories {
		s.expect(w)
	}
	if len(findings) > 0 {
		w("  findings:")
		list(w, 4, findings)
	}
}

// expect writes what must be seen of a machine.
func (s *story) expect(w func(string, ...any)) {
	if s.ready == nil && s.live == nil && s.restarts == "" {
		return
	}
	w("    %s:", s.vm)
	if s.ready != nil {
		w("      ready:")
		list(w, 8, s.ready)
	}
	switch {
	case s.live == nil:
	case len(s.live) == 0:
		w("      live: []")
	default:
		w("      live:")
		list(w, 8, s.live)
	}
	if s.restarts != "" {
		w("      restarts: %s", s.restarts)
	}
}

func list(w func(string, ...any), indent int, items []string) {
	for _, item := range items {
		w("%s- %s", strings.Repeat(" ", indent), item)
	}
}

// title is one sentence about all machines.
func title(stories []*story) string {
	var parts []string
	for _, s := range stories {
		if len(s.titles) > 0 {
			parts = append(parts, s.vm+" "+strings.Join(s.titles, " and "))
		}
	}
	if len(parts) == 0 {
		return "What is healthy is left alone"
	}
	return strings.Join(parts, "; ")
}
