package kindcluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	kind "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/cluster/release"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// Config says which cluster is wanted.
type Config struct {
	Name string
	// Home is the folder of the clusters; empty: cluster.Home.
	Home string
	// Manifests are files of a KubeVirt release: the operator's, and the one with
	// the KubeVirt object. None: a cluster without KubeVirt.
	Manifests []string
	// Image is the image of the node; empty: kind's own choice.
	Image string
	// Guest is the static program of the guest image; empty: this program.
	Guest string
	// Images are archives of more images for the nodes.
	Images []string
	// Tell is told of what happens, with the time since it began; not nil.
	Tell func(what string, since time.Duration)

	// engine and install are replaced by tests.
	engine  engine
	install func(ctx context.Context, kubeconfig string, r *release.Release, tell func(string, time.Duration)) error
}

// engine is what is asked of kind; its Provider is one.
type engine interface {
	List() ([]string, error)
	Create(name string, options ...kind.CreateOption) error
	Delete(name, kubeconfig string) error
	KubeConfig(name string, internal bool) (string, error)
	ListInternalNodes(name string) ([]nodes.Node, error)
}

// nodeLimit is how long the node may take to be ready.
const nodeLimit = 5 * time.Minute

// Up starts a cluster, or gives the status of the one that runs already. A start
// that did not come to its end goes on where it was.
func Up(ctx context.Context, c Config) (*cluster.Status, error) {
	dir, unlock, err := cluster.Lock(c.Home, c.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := release.Read(c.Manifests)
	if err != nil {
		return nil, err
	}
	s, err := cluster.Read(dir)
	if err == nil {
		err = s.By("kind")
	}
	if err != nil {
		return nil, err
	}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	running, err := c.engine.List()
	if err != nil {
		return nil, cluster.Missing("no container engine answers: start Docker or Podman, or use --provider local: %w", err)
	}
	there := slices.Contains(running, c.Name)
	switch {
	case there && s.State == cluster.Running:
		return s, nil
	case there && s.State == cluster.None:
		return nil, fmt.Errorf("kind has a cluster %s that vmprobe did not make: kind delete cluster --name %[1]s, or use another name", c.Name)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s = &cluster.Status{Name: c.Name, Provider: "kind", Tier: cluster.TierNode, State: cluster.Starting, Kubeconfig: filepath.Join(dir, "kubeconfig")}
	if err := s.Write(dir); err != nil {
		return nil, err
	}
	if err := c.up(ctx, dir, s, r, there); err != nil {
		s.Cause = err.Error()
		_ = s.Write(dir) // the error is what counts
		return nil, err
	}
	s.State = cluster.Running
	return s, s.Write(dir)
}

// prepare fills in what tests replace.
func (c *Config) prepare() error {
	if c.install == nil {
		c.install = release.Install
	}
	if c.engine != nil {
		return nil
	}
	option, err := kind.DetectNodeProvider()
	if err != nil {
		return cluster.Missing("no container engine: install Docker or Podman, or use --provider local: %w", err)
	}
	c.engine = kind.NewProvider(option)
	return nil
}

// up does what is to be done; with there, kind has made the cluster already.
func (c *Config) up(ctx context.Context, dir string, s *cluster.Status, r *release.Release, there bool) error {
	guest := filepath.Join(dir, "guest.tar")
	name, err := c.guest(guest)
	if err != nil {
		return err
	}
	archives := append([]string{guest}, c.Images...)
	boot := ""
	if found, err := image.Find(); r != nil && err == nil { // without it pods can be probed, and VMs not
		archive := filepath.Join(dir, "boot.tar")
		if boot, err = guestbox.Boot(found.Dir, archive); err != nil {
			return err
		}
		archives = append(archives, archive)
	}
	if err := c.create(s, there); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // kind knows no context
		return err
	}
	list, err := c.engine.ListInternalNodes(c.Name)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("kind has made no node for the cluster %s", c.Name)
	}
	s.Node = list[0].String()
	if err := c.timed(s, "images", "load the guest's image", func() error { return load(ctx, list, archives) }); err != nil {
		return err
	}
	s.GuestImage, s.BootImage = name, boot
	if r == nil {
		return nil
	}
	r.Emulate = !kvm(list[0])
	if err := c.timed(s, "kubevirt", "install KubeVirt", func() error { return c.install(ctx, s.Kubeconfig, r, c.Tell) }); err != nil {
		return err
	}
	s.Tier, s.KubeVirt, s.KubeVirtAPI = cluster.TierKubeVirt, r.Version, r.Version
	return nil
}

// create lets kind make the cluster, or write the kubeconfig of the one that it
// has made.
func (c *Config) create(s *cluster.Status, there bool) error {
	if there {
		text, err := c.engine.KubeConfig(c.Name, false)
		if err != nil {
			return err
		}
		return os.WriteFile(s.Kubeconfig, []byte(text), 0o600)
	}
	options := []kind.CreateOption{
		kind.CreateWithWaitForReady(nodeLimit), kind.CreateWithKubeconfigPath(s.Kubeconfig),
		kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false),
	}
	if c.Image != "" {
		options = append(options, kind.CreateWithNodeImage(c.Image))
	}
	return c.timed(s, "node", "create the cluster with kind", func() error { return c.engine.Create(c.Name, options...) })
}

func (c *Config) guest(archive string) (string, error) {
	program := c.Guest
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return "", err
		}
	}
	return guestbox.Guest(program, archive)
}

func (c *Config) timed(s *cluster.Status, name, what string, part func() error) error {
	began := time.Now()
	c.Tell(what, 0)
	err := part()
	s.Took(name, time.Since(began))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// load gives image archives to every node.
func load(ctx context.Context, list []nodes.Node, archives []string) error {
	for _, n := range list {
		for _, archive := range archives {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := os.Open(archive)
			if err != nil {
				return err
			}
			err = nodeutils.LoadImageArchive(n, f)
			f.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
		}
	}
	return nil
}

// kvm tells whether VMs on a node can use KVM: its own device counts, not that
// of the machine where this runs, which may be another one.
func kvm(n nodes.Node) bool {
	return n.Command("sh", "-c", "exec 3<>/dev/kvm").Run() == nil
}

// Down deletes a cluster and its folder. One that is not there is fine.
func Down(home, name string) (*cluster.Status, error) {
	c := Config{Name: name, Home: home}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	return c.down()
}

func (c *Config) down() (*cluster.Status, error) {
	dir, unlock, err := cluster.Lock(c.Home, c.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := look(c.engine, dir)
	if err == nil {
		err = s.By("kind")
	}
	if err != nil {
		return nil, err
	}
	if s.State == cluster.None {
		return s, nil
	}
	if err := c.engine.Delete(c.Name, s.Kubeconfig); err != nil {
		return nil, err
	}
	return s, os.RemoveAll(dir)
}

// Look tells what has become of a cluster.
func Look(home, name string) (*cluster.Status, error) {
	c := Config{Name: name, Home: home}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	dir, err := cluster.Folder(home, name)
	if err != nil {
		return nil, err
	}
	return look(c.engine, dir)
}

func look(e engine, dir string) (*cluster.Status, error) {
	s, err := cluster.Read(dir)
	if err != nil || s.State == cluster.None {
		return s, err
	}
	running, err := e.List()
	if err != nil {
		return nil, cluster.Missing("no container engine answers: %w", err)
	}
	if !slices.Contains(running, s.Name) {
		s.State = cluster.Stale
		if s.Cause == "" {
			s.Cause = "kind has no such cluster any more"
		}
	}
	return s, nil
}
