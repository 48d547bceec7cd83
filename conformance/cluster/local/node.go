//go:build linux

package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
)

// containerdSocket is in the node's own /run.
const containerdSocket = "/run/containerd/containerd.sock"

// images writes the images that the node has: pause, the guest, and what
// KubeVirt needs.
func (u *start) images(ctx context.Context) error {
	pause, err := guestbox.Pause(filepath.Join(u.spec.Runtime, "pause"), u.spec.path("pause.tar"))
	if err != nil {
		return err
	}
	program := u.Guest
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	guest, err := guestbox.Guest(program, u.spec.path("guest.tar"))
	if err != nil {
		return err
	}
	u.spec.Pause, u.spec.Images = pause, []string{u.spec.path("pause.tar"), u.spec.path("guest.tar")}
	for _, archive := range u.Images {
		if archive, err = filepath.Abs(archive); err != nil {
			return err
		}
		u.spec.Images = append(u.spec.Images, archive)
	}
	u.status.GuestImage = guest
	if u.Tier == cluster.TierKubeVirt {
		return u.kubevirtImages(ctx)
	}
	return nil
}

// containerdConfig is the configuration of containerd. Nothing here may adjust
// OOM scores below that of the parent, and there is no AppArmor.
func (s *spec) containerdConfig() string {
	return fmt.Sprintf(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = %[1]q

[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = %[2]q

[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = true
restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = "runc"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = %[3]q
SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [%[4]q]
conf_dir = %[5]q
`, containerdSocket, s.Pause, s.Runc, s.Runtime, s.path("node", "cni"))
}

// cniConfig is the network of pods: a bridge of the node.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "pods0",
      "isGateway": true,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": [[{"subnet": "` + podRange + `"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
`

// kubeletConfig is the configuration of the kubelet. Its cgroups are below
// that of the node, and it kills nothing but for memory.
func (s *spec) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[1]q}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://%[2]s
cgroupDriver: cgroupfs
cgroupRoot: /%[3]s
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
evictionHard: {memory.available: 50Mi}
imageGCHighThresholdPercent: 100
clusterDNS: [%[4]s]
clusterDomain: cluster.local
resolvConf: %[5]q
makeIPTablesUtilChains: false
`, s.pki("ca.crt"), containerdSocket, s.Cgroup, dnsAddress, s.path("node", "resolv.conf"))
}

// startRuntime writes the files of the node and starts containerd.
func (s *spec) startRuntime(v *supervisor) error {
	for name, text := range map[string]string{
		"containerd.toml":   s.containerdConfig(),
		"cni/pods.conflist": cniConfig,
		"kubelet.yaml":      s.kubeletConfig(),
		"resolv.conf":       "nameserver " + dnsAddress + "\nsearch cluster.local\n",
	} {
		path := s.path("node", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return v.start(&unit{
		name: "containerd", argv: []string{filepath.Join(s.Runtime, "containerd"), "--config=" + s.path("node", "containerd.toml"), "--log-level=warn"},
		env: []string{"PATH=" + s.Runtime + ":/usr/sbin:/usr/bin:/sbin:/bin"},
	})
}

// importImages waits for containerd and gives it the images.
func (s *spec) importImages(v *supervisor) error {
	err := poll(context.Background(), startLimit, func() (bool, error) {
		select {
		case err := <-v.ended:
			return false, err
		default:
		}
		c, err := net.Dial("unix", containerdSocket)
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		return true, c.Close()
	})
	if err != nil {
		return fmt.Errorf("wait for containerd: %w", err)
	}
	for _, tar := range s.Images {
		if err := v.run("images", filepath.Join(s.Runtime, "ctr"), "--address="+containerdSocket, "--namespace=k8s.io", "images", "import", tar); err != nil {
			return err
		}
	}
	return nil
}

func (s *spec) kubelet() *unit {
	return &unit{name: "kubelet", argv: []string{
		filepath.Join(s.Kube, "kubelet"), "--config=" + s.path("node", "kubelet.yaml"), "--kubeconfig=" + s.path("kubelet.kubeconfig"),
		"--hostname-override=" + nodeName, "--node-ip=" + nodeAddress,
	}}
}
