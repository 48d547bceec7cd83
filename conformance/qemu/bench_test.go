package qemu_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
)

// BenchmarkCases runs the cases of testdata on the simulator and on real VMs.
// The life of VMs a second, divided, is how much faster the simulator is.
func BenchmarkCases(b *testing.B) {
	var cases []*scenarios.Case
	entries, err := os.ReadDir("testdata/cases")
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile("testdata/cases/" + e.Name())
		if err != nil {
			b.Fatal(err)
		}
		file, diags := scenarios.Load(e.Name(), data, scenarios.Options{})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		list, _ := file.Cases(nil)
		cases = append(cases, list...)
	}
	b.Run("sim", func(b *testing.B) { benchmark(b, simbed.Bed{Bare: true}, cases) })
	b.Run("qemu", func(b *testing.B) {
		if os.Getenv(required) == "" {
			b.Skip("not run: it boots real VMs for minutes; " + required + "=1 runs it")
		}
		bed, err := qemu.New("bench", func(note string) { b.Log(note) })
		if err != nil {
			b.Fatal(err)
		}
		defer bed.Close()
		if err := bed.Prepare(b.Context()); err != nil {
			b.Fatal(err)
		}
		benchmark(b, bed, cases)
	})
}

func benchmark(b *testing.B, bed testbed.Testbed, cases []*scenarios.Case) {
	b.Helper()
	var life time.Duration
	for b.Loop() {
		turns := make(chan struct{}, atOnce)
		var running sync.WaitGroup
		for _, c := range cases {
			life += c.Until
			running.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				if _, err := bed.Run(b.Context(), c, 1); err != nil {
					b.Error(err)
				}
			})
		}
		running.Wait()
	}
	b.ReportMetric(life.Seconds()/b.Elapsed().Seconds(), "life-s/s")
}
