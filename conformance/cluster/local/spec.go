//go:build linux

package local

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// spec is what the child has to do: the file spec.json of the folder.
type spec struct {
	Name    string
	Dir     string
	Tier    cluster.Tier
	Kube    string // folder of etcd and Kubernetes
	Runtime string // folder of containerd and the network plugins
	Runc    string // path
	Cache   string // folder that holds both folders
	Port    int    // of the API server, on the loopback of the machine
	Etcd    int    // its port for clients
	Peer    int    // its port for peers
	Images  []string
	Pause   string // name of the image
	Cgroup  string
}

// nodeName is the name of the one node, and its host name.
const nodeName = "vmprobe-node"

// Addresses within the namespaces of the node; nobody else sees them. There are so
// many for pods that none is used twice: the node would remember the neighbour that
// had it before, for some seconds.
const (
	nodeAddress  = "10.10.0.2"
	nodePort     = 6443 // of the API server
	podRange     = "10.244.0.0/16"
	serviceRange = "10.96.0.0/16"
	serviceFirst = "10.96.0.1" // of the service "kubernetes"
	dnsAddress   = "10.96.0.10"
)

// hasNode tells whether a tier has a node.
func hasNode(t cluster.Tier) bool { return t != cluster.TierAPI }

func (s *spec) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

func (s *spec) pki(name string) string { return s.path("pki", name) }

// address is where the API server listens, as its own cluster sees it.
func (s *spec) address() (host string, port int) {
	if s.Tier == cluster.TierAPI {
		return "127.0.0.1", s.Port
	}
	return nodeAddress, nodePort
}

func (s *spec) write() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("spec.json"), text, 0o600)
}

func readSpec(dir string) (*spec, error) {
	text, err := os.ReadFile(filepath.Join(dir, "spec.json"))
	if err != nil {
		return nil, err
	}
	s := &spec{}
	return s, json.Unmarshal(text, s)
}
