package lanes_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
)

// TestInstantsLieInThePicture looks at the pictures of embedded scenarios with
// restarts, pauses, migrations and faults: every instant lies in [0, End],
// spans follow each other where they must, and JSON loses nothing.
func TestInstantsLieInThePicture(t *testing.T) {
	kinds := map[lanes.Kind]int{}
	files, err := suite.Load([]string{"*migrat*", "agent-*", "*restart*", "*pause*", "*partition*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := suite.Cases(files, nil)
	for _, c := range list {
		tr, err := simbed.Bed{}.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		p := lanes.Of(c, tr)
		for _, v := range p.VMs {
			for _, l := range v.Lanes {
				kinds[l.Kind]++
				check(t, c.ID(), p.End, l)
			}
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again lanes.Picture
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*p, again); diff != "" {
			t.Fatalf("%s: JSON changes the picture: %s", c.ID(), diff)
		}
	}
	for _, k := range []lanes.Kind{lanes.Guest, lanes.Fault, lanes.Paused, lanes.Migration, lanes.Probe, lanes.Ready, lanes.Live, lanes.Expect} {
		if kinds[k] == 0 {
			t.Errorf("no lane of kind %s in %d cases: the test shows nothing about it", k, len(list))
		}
	}
}

func check(t *testing.T, id string, end time.Duration, l lanes.Lane) {
	t.Helper()
	var last lanes.Span
	for i, s := range l.Spans {
		if s.From < 0 || s.To < s.From || s.To > end {
			t.Errorf("%s: %s: span %v outside of [0, %v]", id, l.Name, s, end)
		}
		if l.Kind == lanes.Ready && i > 0 && (s.From != last.To || s.On == last.On) {
			t.Errorf("%s: ready: %v follows %v", id, s, last)
		}
		last = s
	}
	for _, a := range l.Attempts {
		if a.Start < 0 || a.Start > end || a.Ended && (a.End < a.Start || a.End > end) {
			t.Errorf("%s: %s: attempt %+v outside of [0, %v]", id, l.Name, a, end)
		}
	}
	for _, m := range l.Marks {
		if m.At < 0 || m.At > end {
			t.Errorf("%s: %s: mark %+v outside of [0, %v]", id, l.Name, m, end)
		}
	}
}
