package conformance_test

import (
	"io/fs"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/timeline"
	"github.com/vmprobe/vmprobe/scenarios"
)

// TestConformance runs the embedded scenarios on the simulator as Ginkgo
// specs, one a case, labelled with profile, requirements and features:
//
//	go test ./conformance -args -ginkgo.label-filter='kubevirt && THR-FAILURE'
func TestConformance(t *testing.T) {
	RegisterFailHandler(Fail)
	describeScenarios(t)
	RunSpecs(t, "vmprobe conformance")
}

// describeScenarios builds the spec tree before it is run.
func describeScenarios(t *testing.T) {
	t.Helper()
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		file, diags := scenarios.Load(scenarios.CasesDir+name, data, scenarios.Options{Requirements: requirements.IDs()})
		cases, more := file.Cases(nil)
		if list := append(diags, more...); list.HasErrors() {
			t.Fatalf("%s: %v", name, list)
		}
		Describe(file.Title, func() {
			for _, c := range cases {
				labels := append(Label(string(c.Profile.Name), "sim"), c.Requirements...)
				It(c.ID(), append(labels, c.Features...), func(ctx SpecContext) { expectToPass(ctx, c) })
			}
		})
	}
}

func expectToPass(ctx SpecContext, c *scenarios.Case) {
	const seed = 1
	t, err := simbed.Bed{}.Run(ctx, c, seed)
	Expect(err).NotTo(HaveOccurred())
	verdict := judge.Judge(c, t, judge.Options{})
	Expect(verdict.Result).To(Equal(judge.Pass), func() string {
		return timeline.Draw(c, t, &verdict, timeline.Options{})
	})
}
