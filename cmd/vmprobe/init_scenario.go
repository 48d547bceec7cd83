package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/propose"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/draft"
)

// initScenario are the flags of init scenario.
type initScenario struct {
	manifest, output, profile string
}

func newInitScenario(s streams) *cobra.Command {
	var f initScenario
	cmd := &cobra.Command{
		Use:   "scenario -f vm.yaml [-o file]",
		Short: "Write a scenario from a manifest",
		Long: `init scenario reads the VMs, VMIs or pods of a manifest and writes a scenario about their
probes: a guest for every port, an outage and its end, and the windows in which they must
be seen, as formulas over the manifest. Before it is written it is proved: lint finds
nothing, the prober of vmprobe passes at five seeds, and the mutants that it names under
"kills" are caught.

The name of the file is that of the scenario: without -o it is NAME-probes.yaml, after the
first machine; "-o -" prints it. A file that exists is left alone. Every mistake of the
manifest is told at once, with its place.`,
		Example: `  vmprobe init scenario -f vm.yaml
  vmprobe init scenario -f vm.yaml -o scenarios/web-outage.yaml
  vmprobe init scenario -f pod.yaml --profile kubernetes -o -
  kubectl get vm web -o yaml | vmprobe init scenario -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.manifest, "filename", "f", "", "the manifest; - is standard input")
	flags.StringVarP(&f.output, "output", "o", "", "file to write, or - for standard output (default NAME-probes.yaml)")
	flags.StringVar(&f.profile, "profile", "", "profile that the story follows (default kubevirt; kubernetes for a Pod)")
	completeProfiles(cmd)
	return cmd
}

func (f *initScenario) run(ctx context.Context, s streams) error {
	if f.manifest == "" {
		return usagef("say which manifest: -f vm.yaml")
	}
	data, err := readManifest(f.manifest, s.in)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("-f: %w", err)
	}
	if err != nil {
		return err
	}
	manifest, err := spec.DecodeAll(data)
	if err != nil {
		return printDecodeErrors(s.err, f.manifest, data, err)
	}
	machines := slices.DeleteFunc(slices.Clone(manifest.Machines), func(m *spec.Machine) bool { return len(m.RawProbes()) == 0 })
	if len(machines) == 0 {
		return usagef("%s: nothing with a probe in it: a scenario is about the probes of a VirtualMachine, VirtualMachineInstance or Pod%s",
			f.manifest, found(manifest.Skipped))
	}
	name, err := f.name(machines[0])
	if err != nil {
		return err
	}
	profile, err := f.chosen(machines)
	if err != nil {
		return err
	}
	text, kills, err := propose.Scenario(ctx, data, machines, draft.Options{Name: name, Profile: profile})
	if list := unfit(err, f.manifest); len(list) > 0 {
		if err := diag.WriteText(s.err, list.Sort(), diag.Sources{f.manifest: data}); err != nil {
			return exit(exitCouldNotRun, err)
		}
		return exit(exitUsage, nil)
	}
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	return f.write(s, text, kills, namesOf(machines))
}

// write writes the scenario and says what to do with it.
func (f *initScenario) write(s streams, text []byte, kills []string, machines string) error {
	if f.output == "-" {
		_, err := s.out.Write(text)
		return err
	}
	dir, file := filepath.Split(f.output)
	if err := writeNew(dir, map[string][]byte{file: text}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "wrote %s\nit is about %s, passes at 5 seeds, and catches %s\nnext: vmprobe schema > %s; vmprobe run -v %s\n",
		f.output, machines, strings.Join(kills, ", "), filepath.Join(dir, "scenario.schema.json"), f.output)
	return err
}

// namesOf is "web and db".
func namesOf(machines []*spec.Machine) string {
	var names []string
	for _, m := range machines {
		names = append(names, m.Name)
	}
	return strings.Join(names, " and ")
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// name is the name of the scenario, that of its file.
func (f *initScenario) name(first *spec.Machine) (string, error) {
	name := strings.ReplaceAll(first.Name, ".", "-") + "-probes"
	switch f.output {
	case "-":
		return name, nil
	case "":
		f.output = name + ".yaml"
	}
	name, ok := strings.CutSuffix(filepath.Base(f.output), ".yaml")
	if !ok || !kebab.MatchString(name) {
		return "", usagef("-o %s: the file is called like the scenario, in kebab-case, as in web-outage.yaml", f.output)
	}
	return name, nil
}

// chosen is the profile.
func (f *initScenario) chosen(machines []*spec.Machine) (probes.Profile, error) {
	name := f.profile
	if name == "" {
		name = string(probes.KubeVirt)
		if machines[0].Kind == "Pod" {
			name = string(probes.Kubernetes)
		}
	}
	if _, err := campaign.ParseProfiles([]string{name}); err != nil {
		return probes.Profile{}, usagef("--%w", err)
	}
	profile, _ := probes.LookupProfile(probes.ProfileName(name))
	return profile, nil
}

// unfit are the mistakes of a manifest as lint shows them.
func unfit(err error, file string) diag.List {
	var list diag.List
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		if u, ok := errors.AsType[*draft.Unfit](e); ok {
			at := u.Machine.Position(u.Path)
			list.Add(diag.Manifest, diag.Pos{File: file, Line: at.Line, Col: at.Column}, "", "%s", u.Error())
		}
	}
	return list
}
