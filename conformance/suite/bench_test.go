package suite_test

import (
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// BenchmarkSuite is `vmprobe run -p 1`: every embedded case in every profile on
// one core, in its three parts. The goal is 2 s for all of them together.
func BenchmarkSuite(b *testing.B) {
	jobs := load(b)
	var outcomes []suite.Outcome
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			load(b)
		}
	})
	b.Run("simulate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			outcomes = suite.Run(b.Context(), simbed.Bed{}, jobs, suite.Options{}, func(o suite.Outcome) suite.Outcome { return o })
		}
		b.ReportMetric(float64(len(jobs)), "cases")
	})
	b.Run("judge", func(b *testing.B) {
		b.ReportAllocs()
		events := 0
		for b.Loop() {
			for _, o := range outcomes {
				if v := judge.Judge(o.Case, o.Trace, judge.Options{}); v.Result != judge.Pass {
					b.Fatalf("%s: %s %s", v.Case, v.Result, v.Reason)
				}
				events += len(o.Trace.Events)
			}
		}
		b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	})
}

func load(b *testing.B, args ...string) []suite.Job {
	b.Helper()
	sources, err := suite.Sources(args, strings.NewReader(""), scenarios.Embedded())
	if err != nil {
		b.Fatal(err)
	}
	var jobs []suite.Job
	for _, s := range sources {
		file, diags := scenarios.Load(s.Name, s.Data, scenarios.Options{})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		cases, diags := file.Cases(nil)
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		for _, c := range cases {
			jobs = append(jobs, suite.Job{Case: c, Seed: 1})
		}
	}
	return jobs
}
