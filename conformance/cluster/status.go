package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Tier is how much of a cluster there is.
type Tier string

// The tiers. The provider kind has the last two.
const (
	TierAPI      Tier = "api"      // API server and controllers; no node
	TierNode     Tier = "node"     // and a node that runs pods
	TierKubeVirt Tier = "kubevirt" // and KubeVirt on it
)

// State is what has become of a cluster.
type State string

// The states of a cluster.
const (
	None     State = "none"     // there is no such cluster
	Starting State = "starting" // its start is under way
	Running  State = "running"
	Stale    State = "stale" // it has died; `down`, or the next `up`, sweeps what is left
)

// Status is what is known of a cluster: the answer of `vmprobe cluster status
// -o json`, and the file status.json of its folder.
type Status struct {
	Name     string `json:"name"`
	Provider string `json:"provider"` // local or kind
	Tier     Tier   `json:"tier,omitempty"`
	State    State  `json:"state"`
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Server     string `json:"server,omitempty"` // URL of the API server
	// GuestImage is the image of the guest of the scenarios, which is on every
	// node; pods need imagePullPolicy IfNotPresent or Never. Empty: no node.
	GuestImage string `json:"guestImage,omitempty"`
	Node       string `json:"node,omitempty"` // name of the node
	// BootImage is the image that VMs boot, of their kernel and initramfs. Empty:
	// nothing runs VMs.
	BootImage string `json:"bootImage,omitempty"`
	// KubeVirtAPI is the version whose objects the API server knows.
	KubeVirtAPI string `json:"kubevirtAPI,omitempty"`
	// KubeVirt is the version that runs; empty: none, the objects are only kept.
	KubeVirt string            `json:"kubevirt,omitempty"`
	Versions map[string]string `json:"versions,omitempty"` // by component
	// Process is the process on this machine that holds everything else.
	Process int `json:"process,omitempty"`
	// Components are the processes of the cluster.
	Components []Component `json:"components,omitempty"`
	// Seconds tells how long each part of the start took, wall time.
	Seconds map[string]float64 `json:"seconds,omitempty"`
	// Cause tells why a cluster is stale.
	Cause string `json:"cause,omitempty"`
}

// Component is one process of a cluster.
type Component struct {
	Name string `json:"name"`
	PID  int    `json:"pid"` // in the process namespace of the cluster
	Log  string `json:"log"` // path
}

// ErrEnvironment marks errors of the machine: something that a cluster needs
// is missing, and the text says how to get it.
var ErrEnvironment = errors.New("this machine cannot run the cluster")

// Missing is an ErrEnvironment with the fix.
func Missing(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrEnvironment, fmt.Errorf(format, args...))
}

// Home is the folder of the clusters of a user.
func Home() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for caches (set XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(dir, "vmprobe", "clusters"), nil
}

// nameRule is what names of clusters look like: they go into paths, cgroups
// and kubeconfigs.
const nameRule = `^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`

// CheckName tells what is wrong with the name of a cluster.
func CheckName(name string) error {
	if !regexp.MustCompile(nameRule).MatchString(name) {
		return fmt.Errorf("name %q: want at most 40 of a-z, 0-9 and -, with a letter or digit at both ends", name)
	}
	return nil
}

// Folder gives the absolute folder of a cluster below home; empty: Home. It need
// not exist.
func Folder(home, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	if home == "" {
		var err error
		if home, err = Home(); err != nil {
			return "", err
		}
	}
	return filepath.Abs(filepath.Join(home, name))
}

// Read reads the status file of the folder of a cluster; no file is None. It
// does not look whether the cluster lives.
func Read(dir string) (*Status, error) {
	s := &Status{Name: filepath.Base(dir), State: None}
	text, err := os.ReadFile(filepath.Join(dir, "status.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "status.json"), err)
	}
	return s, nil
}

// By tells whether a provider may act on the cluster: it is its own, or there is
// none. The error says what to do.
func (s *Status) By(provider string) error {
	if s.State == None || s.Provider == "" || s.Provider == provider {
		return nil
	}
	return fmt.Errorf("the cluster %s is one of the provider %s: take it down first (vmprobe cluster down --name %[1]s), or use another name", s.Name, s.Provider)
}

// Write replaces the status file.
func (s *Status) Write(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, ".status.json")
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "status.json"))
}

// Took notes how long a part of the start took.
func (s *Status) Took(what string, d time.Duration) {
	if s.Seconds == nil {
		s.Seconds = map[string]float64{}
	}
	s.Seconds[what] = float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
