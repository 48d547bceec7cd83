package scenarios_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
)

// anything is a run in which everything happens, one after the other.
type anything struct{}

func (anything) Instant(_ string, _ scenarios.Moment, n int) (time.Duration, bool) {
	return time.Duration(n) * 7 * time.Second, true
}

// TestFixedWindows: a window that no run can change is in a run what it was
// found to be before; one that names what happens is not fixed.
func TestFixedWindows(t *testing.T) {
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fixed, open := 0, 0
	for _, name := range files {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := scenarios.Load(name, data, scenarios.Options{})
		cases, _ := f.Cases(nil)
		for _, c := range cases {
			for vm, e := range c.Expect {
				for _, x := range windows(e) {
					lo, hi, ok := x.window.Fixed()
					if !ok {
						open++
						continue
					}
					fixed++
					first, last := x.window.Lo, x.window.Hi
					if !x.window.After.IsZero() {
						first, last = x.window.After, x.window.After
					}
					names := c.Names(vm, x.use, anything{})
					from, errLo := first.Instant(names)
					to, errHi := last.Instant(names)
					if errLo != nil || errHi != nil || from != lo || to != hi {
						t.Errorf("%s: %s is [%s, %s], not [%s, %s]", c.ID(), x.window.Source(), from, to, lo, hi)
					}
				}
			}
		}
	}
	if fixed == 0 || open == 0 {
		t.Errorf("%d windows are fixed, %d are not", fixed, open)
	}
}

type used struct {
	window *scenarios.Window
	use    scenarios.Use
}

// windows are those of an expectation that a run may be held to.
func windows(e *scenarios.Expectation) []used {
	var list []used
	for _, h := range []*scenarios.History{e.Ready, e.Endpoints} {
		if h == nil {
			continue
		}
		for i := range h.Changes {
			list = append(list, used{&h.Changes[i].Window, scenarios.UseReadiness})
		}
	}
	if e.Live != nil {
		for i := range *e.Live {
			list = append(list, used{&(*e.Live)[i].Window, scenarios.UseLiveness})
		}
	}
	if e.Restarts != nil {
		for i := range e.Restarts.Windows {
			list = append(list, used{&e.Restarts.Windows[i], scenarios.UseLiveness})
		}
	}
	if e.Kills != nil {
		for i := range *e.Kills {
			list = append(list, used{&(*e.Kills)[i].Window, scenarios.UseLiveness})
		}
	}
	return list
}
