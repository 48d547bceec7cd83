package blackbox

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door/overlay"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

// jobs are cases, of all profiles.
func jobs(t *testing.T, args ...string) []suite.Job {
	t.Helper()
	if !overlay.Built {
		t.Fatal(overlay.Recipe)
	}
	list, err := (&campaign.Selection{Seeds: 1, Seed: 1}).Jobs(args, nil, os.Stderr, "bubble")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// In every case of every profile, try by try, their handlers come to what ours
// come to, but for the findings.
func TestTheyAgree(t *testing.T) {
	list := jobs(t)
	cases, tries, apart := 0, 0, 0
	not, seen := map[string]int{}, map[int][]string{}
	for _, job := range list {
		x, err := compare(t.Context(), job.Case, job.Seed)
		if err != nil {
			t.Error(err)
			continue
		}
		if tries += x.tries; x.tries > 0 {
			cases++
		}
		for reason, n := range x.not {
			not[reason] += n
		}
		for _, w := range x.stray {
			t.Errorf("%s: a try that ours did not make: %+v", job.Case.ID(), w)
		}
		profile := string(job.Case.Profile.Name)
		for _, d := range x.apart {
			apart++
			if i := findingOf(job.Case.Scenario, profile, &d); i < 0 {
				t.Errorf("%s: %v", job.Case.ID(), d)
			} else if !slices.Contains(seen[i], profile) {
				seen[i] = append(seen[i], profile)
			}
		}
	}
	t.Logf("%d of %d cases have a probe that they can make; of %d tries they come to the same in all but %d",
		cases, len(list), tries, apart)
	stale(t, list, seen)
	for _, reason := range []string{otherKind, namedPort, hostName, repeated} {
		t.Logf("%d tries are not theirs: %s", not[reason], reason)
		if not[reason] == 0 {
			t.Errorf("no try is left out because %s", reason)
		}
	}
	if cases < 1500 || tries < 70_000 || apart > tries/75 {
		t.Error("README.md says otherwise")
	}
}

// stale finds the findings that are not true, or not in every profile.
func stale(t *testing.T, list []suite.Job, seen map[int][]string) {
	t.Helper()
	for i, f := range findings {
		profiles := f.profiles
		for _, job := range list {
			if name := string(job.Case.Profile.Name); f.profiles == nil && job.Case.Scenario == f.scenario && !slices.Contains(profiles, name) {
				profiles = append(profiles, name)
			}
		}
		for _, p := range profiles {
			if !slices.Contains(seen[i], p) {
				t.Errorf("the finding of %s is out of date: they agree in %s", f.scenario, p)
			}
		}
		if len(profiles) == 0 {
			t.Errorf("the finding of %s is out of date: there is no such scenario", f.scenario)
		}
	}
}

// README.md has the findings.
func TestReadmeHasTheFindings(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table()) {
		t.Errorf("README.md must have this table:\n%s", table())
	}
}
