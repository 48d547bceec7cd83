package campaign

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Selection says which cases to run, and with which seeds.
type Selection struct {
	// Profiles to run, by name; empty: all.
	Profiles []string
	// Seed is the first one; Seeds are counted up from it, at least 1.
	Seed  uint64
	Seeds int
	// Shard is a part of the suite as in 2/8; empty: all of it.
	Shard string
	// Labels is a label filter, see suite.LabelFilter; empty: every case.
	Labels string
	// Only keeps cases with these ids; nil: every case. One that is not there
	// is an error.
	Only []string

	// The whole selection, all shards together, as Jobs found it.
	cases  int
	digest string
	files  []suite.Loaded // that the arguments name
}

// Flags is the part of a flag set that a Selection needs: the standard
// library's and pflag's both have it.
type Flags interface {
	Uint64Var(p *uint64, name string, value uint64, usage string)
	IntVar(p *int, name string, value int, usage string)
	StringVar(p *string, name, value, usage string)
	Func(name, usage string, fn func(string) error)
}

// AddFlags adds a flag for everything that can be selected.
func (s *Selection) AddFlags(flags Flags) {
	flags.Func("profile", "only these `profiles`, separated by commas: "+strings.Join(ProfileWords(), ", ")+" (default all)",
		func(value string) error {
			s.Profiles = append(s.Profiles, strings.Split(value, ",")...)
			return nil
		})
	flags.Uint64Var(&s.Seed, "seed", 1, "first seed")
	flags.IntVar(&s.Seeds, "seeds", 1, "number of seeds, counted up from the first")
	flags.StringVar(&s.Shard, "shard", "", "run only part i of n, as in 2/8; disjoint and complete")
}

// AddLabelFlag adds the flag of the label filter, where Ginkgo's own is not
// there.
func (s *Selection) AddLabelFlag(flags Flags) {
	flags.StringVar(&s.Labels, "label-filter", "",
		"only cases with these labels, in Ginkgo's syntax: 'THR-FAILURE && !restart'")
}

// ParseProfiles looks up profiles; all unknown names are reported.
func ParseProfiles(names []string) ([]probes.ProfileName, error) {
	var list []probes.ProfileName
	var errs []error
	for _, name := range names {
		if _, ok := probes.LookupProfile(probes.ProfileName(name)); !ok {
			errs = append(errs, fmt.Errorf("profile %q: unknown; %s", name, diag.DidYouMean(name, ProfileWords())))
			continue
		}
		list = append(list, probes.ProfileName(name))
	}
	return list, errors.Join(errs...)
}

// ProfileWords are the names of the profiles.
func ProfileWords() []string {
	var words []string
	for _, p := range probes.ProfileNames() {
		words = append(words, string(p))
	}
	return words
}

// Mistakes are the diagnostics of scenario files that keep them from being
// run.
type Mistakes struct {
	Diags   diag.List
	Sources diag.Sources
}

// Error implements error; WriteText shows every place.
func (m *Mistakes) Error() string { return fmt.Sprintf("%d mistakes in scenario files", len(m.Diags)) }

// ErrNothing is the error of a selection without a case: a run that tests
// nothing must not pass.
var ErrNothing = errors.New("nothing selected")

// Jobs selects the cases of what the arguments name (see suite.Sources) for a
// testbed. The errors of the selection itself are reported together; mistakes
// in the files are an error of type *Mistakes, and warnings are written to
// stderr.
func (s *Selection) Jobs(args []string, stdin io.Reader, stderr io.Writer, testbed string) ([]suite.Job, error) {
	profiles, errProfiles := ParseProfiles(s.Profiles)
	shard, errShard := suite.ParseShard(s.Shard)
	filter, errFilter := suite.ParseLabelFilter(s.Labels)
	files, errFiles := suite.Load(args, stdin)
	if err := errors.Join(errProfiles, s.checkSeeds(), errShard, errFilter, errFiles); err != nil {
		return nil, err
	}
	if err := suite.Missing(files); err != nil {
		return nil, err
	}
	s.files = files
	list, diags, sources := suite.Cases(files, profiles)
	if diags.HasErrors() {
		return nil, &Mistakes{diags, sources}
	}
	if err := diag.WriteText(stderr, diags, sources); err != nil {
		return nil, err
	}
	if list, errFiles = s.only(list); errFiles != nil {
		return nil, errFiles
	}
	list = slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !filter.Matches(c, testbed) })
	s.cases, s.digest = len(list), digest(list)
	list = slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !shard.Contains(c.ID()) })
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no case of these scenarios is in the chosen profiles, labels and shard", ErrNothing)
	}
	return s.repeat(list)
}

// Read makes files a part of the universe.
func (s *Selection) Read(files []suite.Loaded) { s.files = files }

// Universe lists all cases that there are, in every profile: the embedded ones
// and those of the files that Jobs has read.
func (s *Selection) Universe() ([]*scenarios.Case, error) {
	files, err := suite.Load(nil, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range s.files {
		if same := func(o suite.Loaded) bool { return o.Source.Name == l.Source.Name }; !slices.ContainsFunc(files, same) {
			files = append(files, l)
		}
	}
	list, _, _ := suite.Cases(files, nil) // mistakes were told by Jobs
	return list, nil
}

// only keeps the cases of Only.
func (s *Selection) only(list []*scenarios.Case) ([]*scenarios.Case, error) {
	if s.Only == nil {
		return list, nil
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID())
	}
	var errs []error
	for _, id := range s.Only {
		if !slices.Contains(ids, id) && len(s.Profiles) == 0 {
			errs = append(errs, fmt.Errorf("case %s: these scenarios have no such case; %s", id, diag.DidYouMean(id, ids)))
		}
	}
	return slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !slices.Contains(s.Only, c.ID()) }), errors.Join(errs...)
}

// checkSeeds looks at the seeds alone.
func (s *Selection) checkSeeds() error {
	switch {
	case s.Seeds < 1:
		return fmt.Errorf("seeds %d: want at least 1", s.Seeds)
	case uint64(s.Seeds-1) > math.MaxUint64-s.Seed:
		return fmt.Errorf("seeds %d from %d: the last one is beyond %d", s.Seeds, s.Seed, uint64(math.MaxUint64))
	}
	return nil
}

// maxJobs bounds a campaign: the verdict of each job is kept for the report.
const maxJobs = 5_000_000

// repeat makes a job of each case and seed.
func (s *Selection) repeat(list []*scenarios.Case) ([]suite.Job, error) {
	if s.Seeds > maxJobs/len(list) {
		return nil, fmt.Errorf("seeds %d: %d cases with so many seeds are more than %d runs; split the seeds, or run a fleet (--vms)",
			s.Seeds, len(list), maxJobs)
	}
	jobs := make([]suite.Job, 0, len(list)*s.Seeds)
	for _, c := range list {
		for i := range s.Seeds {
			jobs = append(jobs, suite.Job{Case: c, Seed: s.Seed + uint64(i)})
		}
	}
	return jobs, nil
}

// digest identifies a selection, see report.Tool.
func digest(list []*scenarios.Case) string {
	ids := map[string]string{}
	for _, c := range list {
		ids[c.ID()] = c.Digest
	}
	return report.SelectionDigest(ids)
}
