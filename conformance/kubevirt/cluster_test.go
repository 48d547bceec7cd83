package kubevirt_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
	"github.com/vmprobe/vmprobe/conformance/cluster/clustertest"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/cluster/local"
)

// clusterVariable names the kubeconfig of a real API server with its
// controllers, instead of a cluster that the tests start.
const clusterVariable = "VMPROBE_KUBECONFIG"

func TestMain(m *testing.M) {
	if code, ok := local.Child(); ok {
		os.Exit(code)
	}
	code := m.Run()
	for _, c := range clusters {
		if err := c.down(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// started is a cluster of the tests, which all of them share.
type started struct {
	tier   cluster.Tier
	once   sync.Once
	home   string
	status *cluster.Status
	err    error
}

var clusters = map[cluster.Tier]*started{ //nolint:gochecknoglobals // starting one takes seconds
	cluster.TierAPI:  {tier: cluster.TierAPI},
	cluster.TierNode: {tier: cluster.TierNode}, cluster.TierKubeVirt: {tier: cluster.TierKubeVirt},
}

// clusterOf gives the cluster of the tests, started when it is first asked for.
// A test whose cluster is not asked for, or not to be had, is not run.
func clusterOf(t *testing.T, tier cluster.Tier) *cluster.Status {
	t.Helper()
	w := clustertest.Asked(t, tier)
	w.Lacks(t, local.Lacks(t.Context(), t.TempDir(), tier, !w.Build))
	c := clusters[tier]
	c.once.Do(func() { c.err = c.up(t) })
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.status
}

func (c *started) up(t *testing.T) (err error) {
	if c.home, err = binaries.Cache(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.home, 0o755); err != nil {
		return err
	}
	// On the disk of the cache: the folders of tests may be in memory.
	if c.home, err = os.MkdirTemp(c.home, "test-"); err != nil { //nolint:usetesting // see above
		return err
	}
	config := local.Config{
		Name: "kubevirt-" + string(c.tier), Home: c.home, Tier: c.tier,
		Tell: func(what string, since time.Duration) { t.Logf("%s %.0f s", what, since.Seconds()) },
	}
	if c.tier != cluster.TierAPI {
		config.Guest = c.program()
		build(t, config.Guest)
		config.Images = []string{filepath.Join(c.home, "harness.tar")}
		if _, err := guestbox.Harness(config.Guest, config.Images[0]); err != nil {
			return err
		}
	}
	c.status, err = local.Up(context.Background(), config)
	return err
}

// program is the vmprobe that the guest's image on the node holds.
func (c *started) program() string { return filepath.Join(c.home, "vmprobe") }

func (c *started) down() error {
	if c.home == "" {
		return nil
	}
	_, err := local.Down(context.Background(), c.home, "kubevirt-"+string(c.tier))
	if err == nil {
		err = os.RemoveAll(c.home)
	}
	return err
}

// build builds vmprobe: the harness, and the guest in every pod.
func build(t *testing.T, path string) {
	t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/vmprobe/vmprobe/cmd/vmprobe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// realAPI connects to the API server of the tests, or tells why nothing is run.
func realAPI(t *testing.T) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	path := os.Getenv(clusterVariable)
	if path == "" {
		path = clusterOf(t, cluster.TierAPI).Kubeconfig
	}
	return connect(t, path)
}

func connect(t *testing.T, kubeconfig string) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst, config.WarningHandler = 200, 400, rest.NoWarnings{} // that Endpoints are old
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err != nil {
		t.Fatal(err)
	}
	return config, client
}
