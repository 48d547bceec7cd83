package kubevirt

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Name is the word of --testbed.
const Name = "kubevirt"

// DefaultImage is the image of the guest where no node says that it has one.
const DefaultImage = guestImages + "dev"

// guestImages is what names of images of the guest begin with; the rest says
// which program is in it ("vmprobe cluster up" puts one on the nodes).
const guestImages = "vmprobe.test/guest:"

// Config is what a testbed needs. Client is required.
type Config struct {
	Client kubernetes.Interface
	// Tool is the version written into traces.
	Tool string
	// Image is that of the guest; default: one that the nodes have, else
	// DefaultImage.
	Image string
	// Dynamic is for VMs; nil: there are none.
	Dynamic dynamic.Interface
	// BootImage is the image that VMs boot; default: one that the nodes have, else
	// DefaultBootImage.
	BootImage string
	// Shards is how many harnesses run parts of the suite on the cluster at the same
	// time: each puts its share of the load on it. Default 1.
	Shards int
	// Patience is how long a pod may take until its guest reports; default 2 min.
	Patience time.Duration
	// BootPatience is how long the guest of a VM may take to boot, from the start
	// of its container: a case that needs it earlier is not run. Default 20 s.
	BootPatience time.Duration
	// Logs reads the log of a container, of the one before with previous; nil:
	// through the API.
	Logs func(ctx context.Context, namespace, pod, container string, previous bool) (io.ReadCloser, error)
	// Raw sends a request to a path of the API server and gives the answer; nil:
	// through Client.
	Raw func(ctx context.Context, method, path string, body []byte) ([]byte, error)
}

// Bed is the testbed "kubevirt". Use New, then Prepare; Close removes what it
// leaves.
type Bed struct {
	Config
	id       string // of this harness
	minor    int    // version of the API server is 1.minor; 0: unknown
	load     load
	machines machines
	roles    []role // bound in the namespace of each case

	mu    sync.Mutex
	made  int             // namespaces
	there map[string]bool // namespaces that are not yet known to be gone
	fatal error           // why no case can run
}

const (
	defaultPatience     = 2 * time.Minute
	defaultBootPatience = 20 * time.Second
)

// New makes the testbed. Nothing is asked of the cluster yet.
func New(c Config) *Bed {
	if c.Patience <= 0 {
		c.Patience = defaultPatience
	}
	b := &Bed{Config: c, there: map[string]bool{}}
	if b.BootPatience <= 0 {
		b.BootPatience = defaultBootPatience
	}
	if b.Logs == nil {
		b.Logs = b.readLog
	}
	if b.Raw == nil {
		b.Raw = b.request
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // it never fails
	b.id = hex.EncodeToString(id)
	return b
}

// Name implements testbed.Testbed.
func (*Bed) Name() string { return Name }

// slack is the tolerance of judges: between a probe's result and the API lie a
// kubelet, the API server and controllers, and timestamps have whole seconds.
const slack = 3 * time.Second

// Prepare asks whether the cluster can be used: it answers, it permits what is
// needed, and a node runs the guest's image. The error is an ErrCluster.
func (b *Bed) Prepare(ctx context.Context) error {
	if err := b.askVersion(ctx); err != nil {
		return err
	}
	if err := b.permitted(ctx); err != nil {
		return err
	}
	if err := b.prepareVMs(ctx); err != nil {
		return err
	}
	if b.Image == "" {
		b.Image = cmp.Or(b.imageOfNodes(ctx, guestImages), DefaultImage)
	}
	ready, known := b.capacity(ctx)
	b.load.limit(b.share(starts(ready, known)))
	if known && ready == 0 {
		return &unusable{"no node of the cluster is ready", "add one: \"vmprobe cluster up --tier node\", or wait for it", nil}
	}
	return b.rehearse(ctx)
}

// askVersion asks which fields of a pod the cluster knows.
func (b *Bed) askVersion(ctx context.Context) error {
	version, err := b.Client.Discovery().ServerVersionWithContext(ctx)
	if err != nil {
		return explain("ask for the version", err)
	}
	b.minor, _ = strconv.Atoi(strings.TrimRight(version.Minor, "+")) // 0: it does not say
	return nil
}

// rehearse runs a pod without probes, to see that the image is there.
func (b *Bed) rehearse(ctx context.Context) error {
	profile, _ := probes.LookupProfile(probes.Kubernetes)
	c := &scenarios.Case{
		Scenario: "rehearsal", Profile: profile, Until: time.Millisecond,
		VMs: []scenarios.VM{{Name: "rehearsal"}},
	}
	_, err := b.Run(ctx, c, 1)
	if err == nil || errors.Is(err, ErrCluster) || ctx.Err() != nil {
		return err
	}
	return &unusable{"a pod of the guest's image does not come to life", "see the reason before", err}
}

// Run implements testbed.Testbed: it takes as long as the case says. When it
// returns, the namespace of the case is being removed.
func (b *Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	if err := b.broken(); err != nil {
		return nil, err
	}
	h := trace.Header{Case: c.ID(), Seed: seed, Tool: b.Tool, Slack: slack}
	if refused(c) {
		return b.refuse(ctx, c, h)
	}
	gate := b.load.gate
	if c.Profile.VM {
		gone, err := b.machines.occupy(ctx, len(c.VMs))
		if err != nil {
			return nil, err
		}
		defer gone()
		gate = b.machines.gate
	}
	leave, err := enter(ctx, gate)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := b.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer r.close()
	r.started = leave
	t, err := r.play(h)
	if errors.Is(err, ErrCluster) && !passing(err) {
		b.mu.Lock()
		b.fatal = err // the next case would come to the same
		b.mu.Unlock()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return t, err
}

func (b *Bed) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fatal
}

// Close waits until the namespaces of the harness are gone.
func (b *Bed) Close() error {
	left := b.await(removalPatience)
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("namespaces %s are not gone yet; \"vmprobe cluster sweep\" removes what is left", strings.Join(left, ", "))
}
