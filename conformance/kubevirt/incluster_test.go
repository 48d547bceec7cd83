package kubevirt_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/judge"
)

// inClusterCases are in all four shards; two of them take their time.
func inClusterCases() []string {
	return []string{
		"validate-port-name", "validate-port-number", "validate-probe-grace", "validate-scheme", "validate-no-handler",
		"validate-header-name", "timing-delay-zero", "lifecycle-pod-killed-in-one-sync",
	}
}

// TestNodeJobs: the manifests of deploy run the suite in a cluster, with the
// permissions that they grant and no others, as one Job and as four shards that
// are disjoint and together complete.
func TestNodeJobs(t *testing.T) {
	s := clusterOf(t, cluster.TierNode)
	config, client := connect(t, s.Kubeconfig)
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range documents(t, "deploy/rbac.yaml") {
		r := objects.Resource(resourceOf(u)).Namespace(u.GetNamespace())
		if _, err := r.Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := r.Delete(context.Background(), u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
	}
	env := apiAddress(t, client)
	var jobs []*batchv1.Job
	for _, name := range []string{"deploy/job.yaml", "deploy/shards.yaml"} {
		job := &batchv1.Job{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(documents(t, name)[0].Object, job); err != nil {
			t.Fatal(err)
		}
		c := &job.Spec.Template.Spec.Containers[0]
		c.Image, c.Env, c.Args = s.GuestImage, append(c.Env, env...), append(c.Args, inClusterCases()...)
		if job, err = client.BatchV1().Jobs(job.Namespace).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	for _, job := range jobs {
		logs := logsOf(t, client, job)
		if want := int(*job.Spec.Completions); len(logs) != want {
			t.Fatalf("%s: %d logs, want %d", job.Name, len(logs), want)
		}
		file := filepath.Join(t.TempDir(), "report.yaml")
		merge := exec.CommandContext(t.Context(), clusters[cluster.TierNode].program(), append([]string{"report", "merge", "-o", file}, logs...)...)
		if len(logs) == 1 { // it is whole already
			merge = exec.CommandContext(t.Context(), clusters[cluster.TierNode].program(), "report", "yaml", logs[0], "-o", file)
		}
		if text, err := merge.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", job.Name, err, text)
		}
		r := decoded(t, file)
		if len(r.Cases) != len(inClusterCases()) {
			t.Errorf("%s: %d cases", job.Name, len(r.Cases))
		}
		for i := range r.Cases {
			switch c := &r.Cases[i]; {
			case c.Result == judge.Pass:
			case late(c):
				t.Logf("not run: %s: %s: %s", job.Name, c.Case, c.Reason)
			default:
				t.Errorf("%s: %s: %s %s %+v", job.Name, c.Case, c.Result, c.Reason, c.Failures)
			}
		}
	}
}

// apiAddress is where a pod reaches the API server: nothing makes services
// addresses in this cluster.
func apiAddress(t *testing.T, client kubernetes.Interface) []corev1.EnvVar {
	t.Helper()
	list, err := client.DiscoveryV1().EndpointSlices("default").List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=kubernetes"})
	if err != nil || len(list.Items) == 0 || len(list.Items[0].Endpoints) == 0 || len(list.Items[0].Ports) == 0 {
		t.Fatalf("where the API server is: %v %v", list, err)
	}
	e := &list.Items[0]
	host, port := e.Endpoints[0].Addresses[0], strconv.Itoa(int(*e.Ports[0].Port))
	t.Logf("the API server is at %s", net.JoinHostPort(host, port))
	return []corev1.EnvVar{{Name: "KUBERNETES_SERVICE_HOST", Value: host}, {Name: "KUBERNETES_SERVICE_PORT", Value: port}}
}

// logsOf waits until a job has ended, and saves the logs of its pods.
func logsOf(t *testing.T, client kubernetes.Interface, job *batchv1.Job) (files []string) {
	t.Helper()
	ended := func() bool {
		j, err := client.BatchV1().Jobs(job.Namespace).Get(t.Context(), job.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range j.Status.Conditions {
			if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
				t.Logf("%s: %s %s", job.Name, c.Type, c.Message)
				return true
			}
		}
		return false
	}
	for end := time.Now().Add(5 * time.Minute); !ended(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("%s has not ended", job.Name)
		}
	}
	pods, err := client.CoreV1().Pods(job.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + job.Name})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		text, err := client.CoreV1().Pods(job.Namespace).GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), strconv.Itoa(i)+".log")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
