package suite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

type fakeBed struct{}

func (fakeBed) Name() string { return "fake" }

func (fakeBed) Unsupported(c *scenarios.Case) string {
	if c.Scenario == "unsupported" {
		return "no SYN can be dropped here"
	}
	return ""
}

func (fakeBed) Run(_ context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	switch c.Scenario {
	case "broken":
		return nil, errors.New("disk full")
	case "panics":
		panic("index out of range")
	}
	return &trace.Trace{Header: trace.Header{Case: c.ID(), Seed: seed}}, nil
}

func describe(o suite.Outcome) string {
	switch {
	case o.Err != nil:
		return fmt.Sprintf("%s error", o.Case.Scenario)
	case o.NotRun != "":
		return fmt.Sprintf("%s not run: %s", o.Case.Scenario, o.NotRun)
	}
	return fmt.Sprintf("%s %s %d", o.Case.Scenario, o.Trace.Case, o.Seed)
}

func TestOutcomesComeInTheOrderOfTheJobs(t *testing.T) {
	var jobs []suite.Job
	for i, name := range []string{"plain", "unsupported", "broken", "panics", "last"} {
		jobs = append(jobs, suite.Job{Case: &scenarios.Case{Scenario: name}, Seed: uint64(i)})
	}
	want := []string{
		"plain plain@ 0", "unsupported not run: no SYN can be dropped here",
		"broken error", "panics error", "last last@ 4",
	}
	for _, parallel := range []int{0, 1, 3, 64} {
		got := suite.Run(t.Context(), fakeBed{}, jobs, suite.Options{Parallel: parallel}, describe)
		if !slices.Equal(got, want) {
			t.Errorf("parallel %d: got %q, want %q", parallel, got, want)
		}
	}
}

// TestStreamHoldsBackWhoIsAhead: the results after a slow job wait for it, and
// only so many of them.
func TestStreamHoldsBackWhoIsAhead(t *testing.T) {
	const total = 1000
	jobs := suite.Jobs{Len: total, At: func(i int) suite.Job {
		return suite.Job{Case: &scenarios.Case{Scenario: "plain"}, Seed: uint64(i)}
	}}
	var finished atomic.Int64
	stuck := make(chan struct{})
	go func() {
		for last := int64(-1); finished.Load() != last; time.Sleep(20 * time.Millisecond) {
			last = finished.Load()
		}
		close(stuck) // nothing moves any more: let the first job end
	}()
	var ahead int64
	var order []uint64
	suite.Stream(t.Context(), fakeBed{}, jobs, suite.Options{Parallel: 4}, func(o suite.Outcome) uint64 {
		if o.Seed == 0 {
			<-stuck
			ahead = finished.Load()
		}
		finished.Add(1)
		return o.Seed
	}, func(seed uint64) { order = append(order, seed) })
	if len(order) != total || !slices.IsSorted(order) {
		t.Errorf("%d results, sorted: %v", len(order), slices.IsSorted(order))
	}
	if ahead > total/2 {
		t.Errorf("%d jobs ended before the first one", ahead)
	}
}

func TestCancelledRunBeginsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	jobs := []suite.Job{{Case: &scenarios.Case{Scenario: "plain"}}}
	got := suite.Run(ctx, fakeBed{}, jobs, suite.Options{}, func(o suite.Outcome) error { return o.Err })
	if !errors.Is(got[0], context.Canceled) {
		t.Errorf("got %v, want the context's error", got[0])
	}
}

func TestShardsAreDisjointAndComplete(t *testing.T) {
	const count = 5
	sizes := make([]int, count)
	for i := range 1000 {
		id := fmt.Sprintf("case-%d@kubevirt", i)
		in := 0
		for index := 1; index <= count; index++ {
			if (suite.Shard{Index: index, Count: count}).Contains(id) {
				in++
				sizes[index-1]++
			}
		}
		if in != 1 {
			t.Fatalf("%s is in %d shards", id, in)
		}
	}
	if smallest := slices.Min(sizes); smallest < 100 {
		t.Errorf("shard sizes %v are far from even", sizes)
	}
}

func TestParseShard(t *testing.T) {
	for in, want := range map[string]string{"": "all", "1/1": "1/1", "2/8": "2/8", "0/3": "3/3", "-1/3": "", "0/0": "", "4/3": "", "x": "", "1/x": "", "1": ""} {
		got, err := suite.ParseShard(in)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("ParseShard(%q) = %v, %v; want %q", in, got, err, want)
		}
	}
}
