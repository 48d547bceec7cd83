//go:build linux

package local

import (
	"context"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// Config says which cluster is wanted.
type Config struct {
	Name string
	// Home is the folder of the clusters; empty: cluster.Home.
	Home string
	Tier cluster.Tier
	// Guest is the path of the static program of the guest's image, see
	// guestbox.Guest; empty: the running program itself. Tier node.
	Guest string
	// Images are archives of more images for the node, of any form that containerd
	// imports. Tier node.
	Images []string
	// Tell is told of what happens, with the time since it began; not nil.
	Tell func(what string, since time.Duration)
}

// Up starts a cluster, or gives the status of the one that runs already. What
// is left of a dead one is swept first.
func Up(ctx context.Context, c Config) (*cluster.Status, error) {
	dir, unlock, err := cluster.Lock(c.Home, c.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	was, err := look(dir)
	if err == nil {
		err = was.By("local")
	}
	if err != nil {
		return nil, err
	}
	if was.State == cluster.Running {
		if was.Tier != c.Tier {
			return nil, fmt.Errorf("the cluster %s runs already, with tier %s: take it down first, or use another name", c.Name, was.Tier)
		}
		return was, nil
	}
	if err := sweep(ctx, dir, true); err != nil {
		return nil, err
	}
	u := &start{Config: c, spec: spec{Name: c.Name, Dir: dir, Tier: c.Tier, Cgroup: ""}}
	u.status = &cluster.Status{
		Name: c.Name, Provider: "local", Tier: c.Tier, State: cluster.Starting,
		Kubeconfig: u.spec.path("kubeconfig"),
		Versions:   map[string]string{"kubernetes": binaries.Kubernetes, "etcd": binaries.Etcd},
	}
	if err := u.up(ctx); err != nil {
		// The folder stays for its logs. The context may have ended.
		u.status.Cause = err.Error()
		_ = u.status.Write(dir)
		_ = sweep(context.WithoutCancel(ctx), dir, false)
		return nil, err
	}
	return look(dir)
}

// Down stops a cluster and removes all of it. One that is not there is fine.
func Down(ctx context.Context, home, name string) (*cluster.Status, error) {
	dir, unlock, err := cluster.Lock(home, name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := look(dir)
	if err == nil {
		err = s.By("local")
	}
	if err != nil {
		return nil, err
	}
	return s, sweep(ctx, dir, true)
}

// Look tells what has become of a cluster.
func Look(home, name string) (*cluster.Status, error) {
	dir, err := cluster.Folder(home, name)
	if err != nil {
		return nil, err
	}
	return look(dir)
}

// Build sees to it that what a tier needs is built, and gives its folders.
func Build(ctx context.Context, tier cluster.Tier, tell binaries.Progress) (map[string]string, error) {
	return binaries.Build(ctx, tell, Sets(tier)...)
}

// Sets is what has to be built for a tier.
func Sets(t cluster.Tier) []binaries.Set {
	sets := []binaries.Set{binaries.ControlPlane()}
	if hasNode(t) {
		sets = append(sets, binaries.Node(), binaries.Runtime())
	}
	if t == cluster.TierKubeVirt {
		sets = append(sets, binaries.KubeVirtSet())
	}
	return sets
}
