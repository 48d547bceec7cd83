//go:build linux

package local

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
	"github.com/vmprobe/vmprobe/conformance/cluster/clustertest"
)

func TestMain(m *testing.M) {
	if code, ok := Child(); ok {
		os.Exit(code)
	}
	if dir := os.Getenv(deadVariable); dir != "" {
		os.Exit(superviseTheDead(dir))
	}
	os.Exit(m.Run())
}

// deadVariable makes the test's program supervise processes that end.
const deadVariable = "VMPROBE_TEST_DEAD"

// superviseTheDead is a process of its own: a supervisor waits for every child.
func superviseTheDead(dir string) (exit int) {
	v := newSupervisor(dir)
	go v.reap()
	if err := v.start(&unit{name: "etcd", argv: []string{"/bin/sh", "-c", "echo no space left >&2; exit 7"}}); err != nil {
		return 10
	}
	err := <-v.ended
	for _, want := range []string{"etcd ended with exit code 7", "no space left"} {
		if !strings.Contains(err.Error(), want) {
			return 11
		}
	}
	if v.run("images", "/bin/false") == nil {
		return 12
	}
	if v.run("images", "/bin/true") != nil {
		return 13
	}
	return 0
}

// built skips a test whose cluster is not asked for, or not to be had.
func built(t *testing.T, tier cluster.Tier) {
	t.Helper()
	w := clustertest.Asked(t, tier)
	w.Lacks(t, Lacks(t.Context(), t.TempDir(), tier, !w.Build))
}

func tell(t *testing.T) func(string, time.Duration) {
	t.Helper()
	return func(what string, since time.Duration) { t.Logf("%s %.0f s", what, since.Seconds()) }
}

// up starts a cluster that ends with the test.
func up(t *testing.T, c Config) (*cluster.Status, *api) {
	t.Helper()
	c.Tell = tell(t)
	s, err := Up(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := Down(context.Background(), c.Home, c.Name); err != nil {
			t.Error(err)
		}
	})
	t.Logf("seconds: %v", s.Seconds)
	a, err := newAPI(s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return s, a
}

// eventually waits a minute at most for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	began := time.Now()
	err := poll(t.Context(), 2*time.Minute, func() (bool, error) { return done(), nil })
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s after %s", what, time.Since(began).Round(10*time.Millisecond))
}

// scratch is a folder for clusters on the disk of the cache: that of tests may
// be in memory.
func scratch(t *testing.T) string {
	t.Helper()
	cache, err := binaries.Cache()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestAPI: the API server keeps KubeVirt's objects, the controllers follow a
// pod that the test plays, a dead cluster is swept, and Down leaves nothing.
func TestAPI(t *testing.T) {
	built(t, cluster.TierAPI)
	home := scratch(t)
	before := machine(t, home)
	c := Config{Name: "api-test", Home: home, Tier: cluster.TierAPI}
	s, a := up(t, c)
	if s.State != cluster.Running || len(s.Components) != 3 || s.Process == 0 {
		t.Errorf("status %+v", s)
	}
	t.Run("VMI", func(t *testing.T) { keepsVMI(t, a) })
	t.Run("endpoints", func(t *testing.T) { followsReadiness(t, a) })

	again, err := Up(t.Context(), Config{Name: c.Name, Home: home, Tier: c.Tier, Tell: tell(t)})
	if err != nil || again.Process != s.Process {
		t.Errorf("a second Up: %+v %v", again, err)
	}
	if _, err := Up(t.Context(), Config{Name: c.Name, Home: home, Tier: cluster.TierNode, Tell: tell(t)}); err == nil {
		t.Error("another tier under the same name is no error")
	}

	if err := unix.Kill(s.Process, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all processes have died with the first", func() bool { return len(processes(t, home)) == 0 })
	eventually(t, "the cluster is stale", func() bool { // the lock goes with the last of the process
		s, err = Look(home, c.Name)
		return err != nil || s.State == cluster.Stale
	})
	if err != nil {
		t.Fatalf("a killed cluster: %v", err)
	}
	up(t, c)
	if _, err := Down(t.Context(), home, c.Name); err != nil {
		t.Fatal(err)
	}
	if s, err = Look(home, c.Name); err != nil || s.State != cluster.None {
		t.Errorf("after Down: %+v %v", s, err)
	}
	unchanged(t, before, machine(t, home))
}

// keepsVMI creates a VMI, and one that KubeVirt's schema refuses.
func keepsVMI(t *testing.T, a *api) {
	kind := a.dynamic.Resource(schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachineinstances"}).Namespace("default")
	vmi := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": map[string]any{"name": "web"},
		"spec": map[string]any{
			"domain":         map[string]any{"devices": map[string]any{}},
			"readinessProbe": map[string]any{"httpGet": map[string]any{"port": int64(1500)}, "initialDelaySeconds": int64(120)},
		},
	}}
	made, err := kind.Create(t.Context(), vmi, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok, _ := unstructured.NestedInt64(made.Object, "spec", "readinessProbe", "initialDelaySeconds"); !ok || d != 120 {
		t.Errorf("the probe is not kept: %v", made.Object["spec"])
	}
	vmi.SetName("wrong")
	if err := unstructured.SetNestedField(vmi.Object, "soon", "spec", "readinessProbe", "initialDelaySeconds"); err != nil {
		t.Fatal(err)
	}
	if _, err := kind.Create(t.Context(), vmi, metav1.CreateOptions{}); err == nil {
		t.Error(`initialDelaySeconds: "soon" is accepted`)
	}
}

// followsReadiness plays the kubelet of a pod behind a service.
func followsReadiness(t *testing.T, a *api) {
	ctx, labels := t.Context(), map[string]string{"app": "web"}
	core := a.core.CoreV1()
	if _, err := core.Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "nobody"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Services("default").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(1500)}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Pods("default").Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: labels},
		Spec: corev1.PodSpec{
			NodeName: "nobody", Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "x", Image: "none"}},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, ready := range []string{"True", "False", "True"} {
		patch := `{"status":{"phase":"Running","podIP":"192.0.2.7","podIPs":[{"ip":"192.0.2.7"}],"conditions":[{"type":"Ready","status":"` + ready + `"}]}}`
		if _, err := core.Pods("default").Patch(ctx, "web", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "endpoint ready "+ready, func() bool { return endpointReady(t, a, "web") == ready })
	}
}

// endpointReady is what the one endpoint of a service says of itself.
func endpointReady(t *testing.T, a *api, service string) string {
	t.Helper()
	list, err := a.core.DiscoveryV1().EndpointSlices("default").List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Items {
		if len(s.Endpoints) == 0 {
			continue
		}
		if ready := s.Endpoints[0].Conditions.Ready; ready != nil && *ready {
			return "True"
		}
		return "False"
	}
	return ""
}

// podGuest builds the program of the guest's image.
func podGuest(t *testing.T) string {
	t.Helper()
	guest := filepath.Join(t.TempDir(), "guest")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", guest, "github.com/vmprobe/vmprobe/hack/guestimage/pod")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return guest
}

// TestNode: the node runs the guest, the kubelet probes it, and Down leaves the
// machine as it was.
func TestNode(t *testing.T) {
	built(t, cluster.TierNode)
	home := scratch(t)
	before := machine(t, home)
	s, a := up(t, Config{Name: "node-test", Home: home, Tier: cluster.TierNode, Guest: podGuest(t)})
	if len(s.Components) != 6 || s.GuestImage == "" || s.Node == "" {
		t.Errorf("status %+v", s)
	}
	ctx := t.Context()
	if _, err := a.core.CoreV1().Pods("default").Create(ctx, guestPod(s.GuestImage), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ready := func(want corev1.ConditionStatus) func() bool {
		return func() bool {
			p, err := a.core.CoreV1().Pods("default").Get(ctx, "guest", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady {
					return c.Status == want
				}
			}
			return false
		}
	}
	eventually(t, "the guest is ready", ready(corev1.ConditionTrue))
	eventually(t, "its script makes it fail", ready(corev1.ConditionFalse))
	log, err := a.core.CoreV1().Pods("default").GetLogs("guest", &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil || !strings.Contains(string(log), "GET /") {
		t.Errorf("the guest has not seen the probe: %v\n%s", err, log)
	}
	if _, err := Down(ctx, home, s.Name); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, machine(t, home))
}

// guestPod is a guest that answers 200, and after ten seconds 503.
func guestPod(image string) *corev1.Pod {
	const script = `{"program":{"endpoints":[{"kind":"http","port":1500,"steps":[
		{"at":0,"replies":[{"reply":{"http":{"status":200}}}]},
		{"at":10000000000,"replies":[{"reply":{"http":{"status":503}}}]}]}]}}`
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "guest"},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64),
			Volumes:                       []corev1.Volume{{Name: "state", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Containers: []corev1.Container{{
				Name: "guest", Image: image, ImagePullPolicy: corev1.PullNever,
				VolumeMounts: []corev1.VolumeMount{{Name: "state", MountPath: "/vmprobe"}},
				Env: []corev1.EnvVar{
					{Name: "VMPROBE_GUEST", Value: script},
					{Name: "VMPROBE_ADDRESS", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
				},
				ReadinessProbe: &corev1.Probe{
					ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(1500)}},
					PeriodSeconds: 1, FailureThreshold: 2,
				},
			}},
		},
	}
}

// TestMissing: who lacks something is told all of it, with the fix.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := needs(t.TempDir(), cluster.TierKubeVirt)
	if !errors.Is(err, cluster.ErrEnvironment) {
		t.Fatalf("without anything on the path: %v", err)
	}
	for _, fix := range []string{"apt-get install runc", "apt-get install iproute2", "apt-get install mmdebstrap"} {
		if !strings.Contains(err.Error(), fix) {
			t.Errorf("%q is not in %v", fix, err)
		}
	}
}

// TestOneCommandAtATime: a second command on a cluster is turned away.
func TestOneCommandAtATime(t *testing.T) {
	home := t.TempDir()
	_, unlock, err := cluster.Lock(home, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Down(t.Context(), home, "x"); err == nil {
		t.Error("two commands at once")
	}
	unlock()
	if _, err := Down(t.Context(), home, "x"); err != nil {
		t.Error(err)
	}
}

// TestDeadComponent: when part of a cluster ends, its process hears of it with
// the end of that part's log.
func TestDeadComponent(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), deadVariable+"="+dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("superviseTheDead: %v\n%s", err, text)
	}
}
