//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
	"github.com/vmprobe/vmprobe/conformance/cluster/crds"
	"github.com/vmprobe/vmprobe/conformance/cluster/pki"
)

// start is one start of a cluster.
type start struct {
	Config
	spec    spec
	status  *cluster.Status
	inherit []*os.File // by the child, from listenerFD
	// kubevirt is the folder of KubeVirt's programs.
	kubevirt string
}

// timed does a part of the start, and notes how long it took.
func (u *start) timed(name, what string, part func() error) error {
	began := time.Now()
	u.Tell(what, 0)
	err := part()
	u.status.Took(name, time.Since(began))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (u *start) up(ctx context.Context) error {
	if hasNode(u.Tier) {
		if err := u.require(); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := u.build(ctx); err != nil {
		return err
	}
	u.status.Took("build", time.Since(began))
	began = time.Now()
	if err := os.MkdirAll(u.spec.path("logs"), 0o700); err != nil {
		return err
	}
	if err := u.status.Write(u.spec.Dir); err != nil {
		return err
	}
	if hasNode(u.Tier) {
		if err := u.timed("images", "make the container images", func() error { return u.images(ctx) }); err != nil {
			return err
		}
	}
	if err := u.ports(); err != nil {
		return err
	}
	if err := u.certificates(); err != nil {
		return err
	}
	if err := u.spec.write(); err != nil {
		return err
	}
	if err := u.launch(); err != nil {
		return err
	}
	if err := u.await(ctx); err != nil {
		return err
	}
	u.status.State = cluster.Running
	u.status.Took("start", time.Since(began))
	return u.status.Write(u.spec.Dir)
}

// build sees to it that the programs are there.
func (u *start) build(ctx context.Context) error {
	dirs, err := Build(ctx, u.Tier, u.Tell)
	if err != nil {
		return err
	}
	u.spec.Kube, u.spec.Runtime, u.kubevirt = dirs["kube"], dirs["runtime"], dirs["kubevirt"]
	u.spec.Cache, err = binaries.Cache()
	return err
}

// ports finds free ports on the loopback. In tier node only that of the API
// server is on the machine's, and stays open for the child.
func (u *start) ports() error {
	u.spec.Etcd, u.spec.Peer = 2379, 2380
	var free [3]int
	for i := range free {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		free[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has no other
		if hasNode(u.Tier) && i == 0 {
			f, err := l.(*net.TCPListener).File() //nolint:forcetypeassert // as above
			if err != nil {
				return err
			}
			u.inherit = append(u.inherit, f)
		}
		defer l.Close() //nolint:errcheck // a duplicate lives on in the child
	}
	u.spec.Port = free[0]
	if u.Tier == cluster.TierAPI {
		u.spec.Etcd, u.spec.Peer = free[1], free[2]
	}
	u.status.Server = fmt.Sprintf("https://127.0.0.1:%d", u.spec.Port)
	return nil
}

// certificates writes certificates and kubeconfigs.
func (u *start) certificates() error {
	s := &u.spec
	a, err := pki.New(s.path("pki"), time.Now())
	if err != nil {
		return err
	}
	host, port := s.address()
	inside := fmt.Sprintf("https://%s:%d", host, port)
	steps := []error{
		a.SigningKey("sa"),
		a.Server("apiserver", "127.0.0.1", nodeAddress, serviceFirst, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"),
		a.Client("front-proxy", pki.Identity{User: "front-proxy-client"}),
		a.Client("kubelet-client", pki.Identity{User: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}}),
	}
	for _, err := range steps {
		if err != nil {
			return err
		}
	}
	for _, k := range []struct {
		file, server string
		who          pki.Identity
	}{
		{"kubeconfig", u.status.Server, pki.Identity{User: "kubernetes-admin", Groups: []string{"system:masters"}}},
		{"controller-manager.kubeconfig", inside, pki.Identity{User: "system:kube-controller-manager"}},
		{"scheduler.kubeconfig", inside, pki.Identity{User: "system:kube-scheduler"}},
		{"kubelet.kubeconfig", inside, pki.Identity{User: "system:node:" + nodeName, Groups: []string{"system:nodes"}}},
	} {
		text, err := a.Kubeconfig("vmprobe-"+s.Name, k.server, k.file, k.who)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path(k.file), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// launch starts the child, in a session of its own and, in tier node, in
// namespaces of its own.
func (u *start) launch() error {
	alive, err := hold(u.spec.Dir)
	if err != nil {
		return err
	}
	defer alive.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	defer write.Close()
	log, err := os.Create(u.spec.path("logs", "cluster.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"vmprobe-cluster", u.Name}
	cmd.Dir, cmd.Stdout, cmd.Stderr = u.spec.Dir, log, log
	cmd.Env = append(os.Environ(), childVariable+"="+u.spec.Dir)
	cmd.ExtraFiles = append([]*os.File{alive, read}, u.inherit...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if hasNode(u.Tier) {
		cmd.SysProcAttr.Cloneflags = namespaces
	}
	err = cmd.Start()
	for _, f := range u.inherit {
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("start the process of the cluster: %w", err)
	}
	go func() { _ = cmd.Wait() }() // a zombie would pass for a living process
	u.status.Process = cmd.Process.Pid
	if err := u.status.Write(u.spec.Dir); err != nil {
		return err
	}
	_, err = write.Write([]byte{1})
	return err
}

// await waits for all that makes a cluster usable.
func (u *start) await(ctx context.Context) error {
	a, err := newAPI(u.status.Kubeconfig)
	if err != nil {
		return err
	}
	until := func(done func() bool) error {
		err := poll(ctx, startLimit, func() (bool, error) {
			if !lives(u.spec.Dir) {
				return false, fmt.Errorf("the cluster has died: %s", cause(u.spec.Dir))
			}
			return done(), nil
		})
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("not within %s: see the logs in %s", startLimit, u.spec.path("logs"))
		}
		return err
	}
	if err := u.timed("api", "start etcd and kube-apiserver", func() error {
		return until(func() bool { return a.ready(ctx) == nil })
	}); err != nil {
		return err
	}
	if u.Tier != cluster.TierKubeVirt { // its operator defines it
		if err := u.timed("definitions", "define KubeVirt's API "+crds.Version, func() error { return a.define(ctx, crds.YAML()) }); err != nil {
			return err
		}
		u.status.KubeVirtAPI = crds.Version
	}
	if err := u.timed("controllers", "start kube-controller-manager", func() error {
		return until(func() bool { return a.account(ctx) })
	}); err != nil {
		return err
	}
	if !hasNode(u.Tier) {
		return nil
	}
	u.status.Node = nodeName
	if err := u.timed("node", "start containerd and kubelet", func() error {
		return until(func() bool { return a.nodeReady(ctx) })
	}); err != nil || u.Tier != cluster.TierKubeVirt {
		return err
	}
	return u.timed("kubevirt", "install KubeVirt "+binaries.KubeVirt, func() error { return u.install(ctx, a) })
}
