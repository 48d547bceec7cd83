package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// conformanceFlags are the flags of conformance.
type conformanceFlags struct {
	caseFlags
	testbedFlags
	proberFlags
}

// proberFlags name a prober under test.
type proberFlags struct {
	prober  string
	door    string
	timeout time.Duration
	more    []string        // files that it is made of, beside those of its command
	argv    []string        // from the flag, or from behind --
	files   []artifact.File // that it is made of
}

// doors are the words of --door.
func doors() []string { return []string{protocol.Lockstep, protocol.Sockets} }

func (f *proberFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.prober, "prober", "", "the prober under test: a `command` with arguments, split at spaces; or give it after --")
	flags.DurationVar(&f.timeout, "prober-timeout", lockstep.DefaultTimeout, "how long the prober may be silent, in wall time")
	flags.StringArrayVar(&f.more, "prober-file", nil,
		"a `file` that the prober is made of, beside those that its command names: a module, a library; repeatable")
}

// split takes the command behind -- from the arguments.
func (f *proberFlags) split(cmd *cobra.Command, args []string) ([]string, error) {
	f.argv = strings.Fields(f.prober)
	if f.door != "" && !slices.Contains(doors(), f.door) {
		return nil, usagef("--door %q: unknown; %s", f.door, diag.DidYouMean(f.door, doors()))
	}
	at := cmd.ArgsLenAtDash()
	switch {
	case at < 0 && len(f.argv) == 0 && len(f.more) > 0:
		return nil, usagef("--prober-file belongs to a prober: name its command with --prober or after --")
	case f.timeout <= 0:
		return nil, usagef("--prober-timeout must be positive")
	case cmd.Flags().Changed("prober") && len(f.argv) == 0:
		return nil, usagef("--prober is empty: name a program")
	case at < 0:
		return args, nil
	case len(f.argv) > 0:
		return nil, usagef("give the prober once: by --prober or after --")
	case at == len(args):
		return nil, usagef("nothing after --: name a program, as in -- ./my-prober --verbose")
	}
	f.argv = args[at:]
	return args[:at], nil
}

// nonce looks at the files of the prober before it is started. seed is the
// first one of the run: it decides about the canaries, together with the suite
// and the files.
func (f *proberFlags) nonce(seed uint64) (string, error) {
	var err error
	if f.files, err = artifact.Of(f.argv, f.more); err != nil {
		return "", exit(exitCouldNotRun, fmt.Errorf("start the prober: %w", err))
	}
	return fmt.Sprintf("%s %d %s", campaign.Version(), seed, artifact.Digest(f.files)), nil
}

// config starts the prober.
func (f *proberFlags) config(seed uint64) (lockstep.Config, error) {
	nonce, err := f.nonce(seed)
	command := lockstep.Command{Argv: f.argv, Timeout: f.timeout}
	return lockstep.Config{Start: command.Start, Tool: campaign.Version(), Nonce: nonce}, err
}

// open starts the prober; ground is where VMs live in wall time, nil: nowhere.
func (f *proberFlags) open(ctx context.Context, seed uint64, ground lockstep.Ground) (*lockstep.Bed, error) {
	config, err := f.config(seed)
	if err != nil {
		return nil, err
	}
	config.Ground = ground
	b, err := lockstep.New(ctx, config)
	if err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	return b, nil
}

// underTest is a testbed with a prober under test.
type underTest interface {
	Implementation() protocol.Implementation
	Claims() []string
	Canaries() []string
}

// put fills in what a campaign says of the prober.
func (f *proberFlags) put(c *campaign.Campaign, b underTest) {
	i := b.Implementation()
	c.Implementation = &report.Implementation{
		Name: i.Name, Organization: i.Organization, Version: i.Version, Language: i.Language, URL: i.URL,
		Command: judge.ShellWords(f.argv), Files: f.files, Digest: artifact.Digest(f.files),
	}
	c.Door, c.Claimed, c.Canaries = f.door, b.Claims(), b.Canaries()
}

// unchanged tells whether the files are those that were started: what was
// rebuilt in the middle of a run has no verdict.
func (f *proberFlags) unchanged() error {
	now, err := artifact.Of(f.argv, f.more)
	if err != nil {
		return exit(exitCouldNotRun, fmt.Errorf("the prober after the run: %w", err))
	}
	var errs []error
	for _, file := range f.files {
		if !slices.Contains(now, file) {
			errs = append(errs, fmt.Errorf("%s was changed while the prober was tested, so there is no verdict on it; "+
				"if it is an output of the prober, remove it before the run", file.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}

func newConformance(s streams, env lookupEnv) *cobra.Command {
	f := conformanceFlags{caseFlags: caseFlags{keepsPart: true}}
	cmd := &cobra.Command{
		Use:   "conformance [case|pattern|file|dir|-]... [-- prober [args]]",
		Short: "Put a prober under test and say whether it conforms",
		Long: `conformance runs the suite against a prober and gives a verdict for each profile. A
prober in any language speaks one line of JSON a message over standard input and output
("vmprobe schema protocol"), in virtual time: the suite makes the network exchanges that
it asks for, the prober decides. Without a prober the one of vmprobe itself is tested.

Cases that need features which the prober does not claim are not-claimed; what it claims
must pass. A prober that breaks the protocol gives errors, never a verdict.

With --door sockets the prober has a clock and sockets of its own: the guests stand on
real ones, and the prober reports what it makes of them. Time is real then: all cases
run at once, and those that take longer than --max-length, or that sockets cannot
express, are not-run with the reason. A machine that is too busy gives errors.

With --testbed loopback the guests stand on real sockets and time is real: all cases run
at once, those that take longer than --max-length are left out, and those that sockets
cannot express are not-run with the reason. With --testbed qemu they are real QEMU VMs
with the real guest agent, started from a template; KVM is used if a guest boots with it.
A prober decides there as in virtual time: the suite makes the exchanges that it asks
for with the real guests, and nowNs is the wall clock.
With --testbed libvirt the same VMs are domains of libvirt, which agent commands go
through; that needs a build with libvirt (make build-libvirt). A VM with a watchdog
device runs there, too; it boots an image of its own (go run ./hack/guestimage -watchdog).

With --testbed kubevirt the cases of profile kubernetes run as pods on a cluster, of which
a kubeconfig is all that is known: the kubelet is under test. Where the cluster has
KubeVirt, those of profile kubevirt run as its VMs. Each case has a namespace of its own;
"vmprobe cluster sweep" removes those that a killed run left behind.

The same suite runs as a Go test: go test ./conformance. Both write the same report,
byte for byte.`,
		Example: `  vmprobe conformance -- ./my-prober --stdio
  vmprobe conformance --prober ./my-prober --profile kubevirt --report junit=junit.xml
  vmprobe conformance 'http-*' -- python3 prober.py
  vmprobe conformance --known-failing known-failing.yaml -- python3 prober.py
  vmprobe conformance --door sockets --max-length 60s -- ./my-prober
  vmprobe conformance --testbed loopback --max-length 70s
  vmprobe conformance --testbed qemu 'agent-*' --profile kubevirt
  vmprobe conformance --testbed qemu 'agent-*' -- ./my-prober --stdio
  vmprobe conformance --testbed kubevirt --profile kubernetes --kubeconfig cluster.yaml
  vmprobe conformance --testbed libvirt 'agent-*' --profile kubevirt
  vmprobe conformance --label-filter 'THR-FAILURE || THR-SUCCESS' --seeds 20`,
		ValidArgsFunction: completeScenarios,
	}
	f.caseFlags.add(cmd)
	f.proberFlags.add(cmd)
	cmd.Flags().StringVar(&f.door, "door", protocol.Lockstep, "the way to the prober: lockstep (virtual time) or sockets (its own clock and connections)")
	f.testbedFlags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, s, env, args) }
	return cmd
}

// run does what the command was asked for.
func (f *conformanceFlags) run(cmd *cobra.Command, s streams, env lookupEnv, args []string) error {
	args, err := f.split(cmd, args)
	if err != nil {
		return err
	}
	if err := f.caseFlags.check(cmd); err != nil {
		return err
	}
	if err := f.checkGround(cmd); err != nil {
		return err
	}
	jobs, err := f.jobs(s, args, f.testbed)
	if err != nil {
		return err
	}
	defer tidies(cmd.Context())()
	return f.test(cmd.Context(), s, env, jobs, f.wall() && !cmd.Flags().Changed("parallel"))
}

// test puts the prober to the test: ours or another one, on the ground and
// through the door that the flags name.
func (f *conformanceFlags) test(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job, allAtOnce bool) error {
	switch {
	case f.door == protocol.Sockets:
		return f.executeSockets(ctx, s, env, jobs, allAtOnce)
	case f.wall() && len(f.argv) > 0:
		return f.executeBehind(ctx, s, env, jobs, allAtOnce)
	case f.wall():
		return f.executeWall(ctx, s, env, jobs, allAtOnce)
	case len(f.argv) == 0:
		return f.execute(ctx, s, env, bed(), jobs)
	}
	return f.executeProber(ctx, s, env, jobs)
}

// checkGround looks at what the door and the testbed want of each other.
func (f *conformanceFlags) checkGround(cmd *cobra.Command) error {
	sockets := f.door == protocol.Sockets
	if sockets {
		switch {
		case len(f.argv) == 0:
			return usagef("--door sockets is the way to another prober: name one, as in --door sockets -- vmprobe prober --sockets")
		case f.testbed == qemu.Name:
			return usagef("--door sockets --testbed qemu: no socket of another program reaches VMs behind a wire that is in this process; " +
				"leave out --door, so that the suite makes the exchanges for the prober")
		case cmd.Flags().Changed("testbed") && f.testbed != (*loopback.Bed)(nil).Name():
			return usagef("--door sockets needs real sockets: leave out --testbed %s", f.testbed)
		}
		f.testbed = (*loopback.Bed)(nil).Name()
	}
	if err := f.testbedFlags.check(cmd); err != nil {
		return err
	}
	if f.testbed == kubevirt.Name && len(f.argv) > 0 {
		return usagef("--testbed %s tests what probes on the cluster: leave out the prober", f.testbed)
	}
	return nil
}

// executeProber runs the jobs against the prober that the flags name.
func (f *conformanceFlags) executeProber(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	b, err := f.open(ctx, f.Seed, nil)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // the verdict stands; what is left is killed
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	f.put(c, b)
	f.still = f.unchanged
	return f.finish(ctx, s, env, c, jobs)
}
