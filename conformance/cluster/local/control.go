//go:build linux

package local

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// etcd keeps its data only as long as the cluster lives, and need not sync it.
func (s *spec) etcd() *unit {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", s.Etcd), fmt.Sprintf("http://127.0.0.1:%d", s.Peer)
	return &unit{name: "etcd", argv: []string{
		filepath.Join(s.Kube, "etcd"), "--name=default", "--data-dir=" + s.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}}
}

func (s *spec) apiServer() *unit {
	host, port := s.address()
	argv := []string{
		filepath.Join(s.Kube, "kube-apiserver"),
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", s.Etcd),
		"--bind-address=" + host, "--advertise-address=" + host, "--secure-port=" + strconv.Itoa(port),
		"--client-ca-file=" + s.pki("ca.crt"),
		"--tls-cert-file=" + s.pki("apiserver.crt"), "--tls-private-key-file=" + s.pki("apiserver.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.pki("sa.pub"), "--service-account-signing-key-file=" + s.pki("sa.key"),
		"--authorization-mode=Node,RBAC", "--allow-privileged=true",
		// Webhooks and aggregated APIs reach their pods without kube-proxy.
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + s.pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + s.pki("front-proxy.crt"), "--proxy-client-key-file=" + s.pki("front-proxy.key"),
		"--kubelet-client-certificate=" + s.pki("kubelet-client.crt"), "--kubelet-client-key=" + s.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--cert-dir=" + s.path("pki"),
	}
	if s.Tier == cluster.TierAPI {
		argv = append(argv, "--endpoint-reconciler-type=none") // the loopback is no endpoint
	}
	return &unit{name: "kube-apiserver", argv: argv}
}

func (s *spec) controllerManager() *unit {
	controllers := "--controllers=*"
	if s.Tier == cluster.TierAPI {
		// Nodes are objects that nobody keeps alive: they must not be found dead.
		controllers += ",-node-lifecycle-controller,-taint-eviction-controller"
	}
	return &unit{name: "kube-controller-manager", argv: []string{
		filepath.Join(s.Kube, "kube-controller-manager"), "--kubeconfig=" + s.path("controller-manager.kubeconfig"),
		"--service-account-private-key-file=" + s.pki("sa.key"), "--root-ca-file=" + s.pki("ca.crt"),
		"--use-service-account-credentials=true", "--leader-elect=false", "--secure-port=0", controllers,
	}}
}

func (s *spec) scheduler() *unit {
	return &unit{name: "kube-scheduler", argv: []string{
		filepath.Join(s.Kube, "kube-scheduler"), "--kubeconfig=" + s.path("scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0",
	}}
}
