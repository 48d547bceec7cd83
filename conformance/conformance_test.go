package conformance_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// options are the flags of this suite. Arguments name scenarios as those of
// "vmprobe conformance" do; paths count from this folder.
type options struct {
	campaign.Selection
	reports values
}

// values is a flag that may be repeated.
type values []string

func (v *values) String() string { return strings.Join(*v, ",") }

func (v *values) Set(s string) error {
	*v = append(*v, s)
	return nil
}

var flags = func() *options {
	var o options
	o.AddFlags(flag.CommandLine)
	flag.Var(&o.reports, "report", "write `FORMAT=PATH`, or trace=DIR; repeatable")
	return &o
}()

// TestConformance runs the suite as Ginkgo specs, one a case and seed, labelled
// with profile, handlers, requirements, features and testbed:
//
//	go test ./conformance -args -ginkgo.label-filter='kubevirt && THR-FAILURE'
//	go test ./conformance -args -profile kubevirt -seeds 5 -report junit=junit.xml
//	go test ./conformance -args my-scenario.yaml
func TestConformance(t *testing.T) {
	format.MaxLength = 0 // timelines are long
	RegisterFailHandler(Fail)
	sinks, err := campaign.ParseSinks(flags.reports)
	if err != nil {
		t.Fatal(err)
	}
	c := &campaign.Campaign{Bed: simbed.Bed{Tool: campaign.Version(), Bare: true}, Sinks: sinks}
	jobs, err := flags.Jobs(flag.Args(), os.Stdin, os.Stderr, c.Bed.Name())
	if err != nil {
		t.Fatal(err)
	}
	describe(c, jobs)
	ReportAfterSuite("report", func(r Report) { writeReport(c, r) })
	RunSpecs(t, "vmprobe conformance")
}

// describe builds the tree of specs: a container for each scenario.
func describe(c *campaign.Campaign, jobs []suite.Job) {
	for len(jobs) > 0 {
		n := 1
		for n < len(jobs) && jobs[n].Case.Scenario == jobs[0].Case.Scenario {
			n++
		}
		group := jobs[:n] // Ginkgo calls the function later
		Describe(group[0].Case.Scenario, func() {
			for _, job := range group {
				name := job.Case.ID()
				if flags.Seeds > 1 {
					name += " seed " + strconv.FormatUint(job.Seed, 10)
				}
				It(name, Label(suite.Labels(job.Case, c.Bed.Name())...), func(ctx SpecContext) { expectToPass(ctx, c, job) })
			}
		})
		jobs = jobs[n:]
	}
}

// entry is the name under which a spec hands its part of the report to the
// process that writes it.
const entry = "case"

func expectToPass(ctx context.Context, c *campaign.Campaign, job suite.Job) {
	part := c.Run(ctx, []suite.Job{job})[0]
	data, err := json.Marshal(part)
	Expect(err).NotTo(HaveOccurred())
	AddReportEntry(entry, string(data), ReportEntryVisibilityNever)
	Expect(part.Result).To(Equal(judge.Pass), func() string { return part.Text() })
}

// writeReport writes the report of all processes. A run of no spec fails.
func writeReport(c *campaign.Campaign, r Report) {
	var parts []report.Case
	for _, spec := range r.SpecReports {
		for _, e := range spec.ReportEntries {
			if e.Name != entry {
				continue
			}
			var part report.Case
			Expect(json.Unmarshal([]byte(e.StringRepresentation()), &part)).To(Succeed())
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 && !r.SuiteConfig.DryRun {
		Fail("nothing selected: no spec has these labels or names")
	}
	whole := c.Report(&flags.Selection, parts)
	Expect(c.Sinks.Write(whole)).To(Succeed())
}
