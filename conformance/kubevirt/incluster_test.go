package kubevirt_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// inClusterCases are in both shards; three of them run pods, for as long as half a
// minute at most.
func inClusterCases() []string {
	return []string{
		"validate-port-name", "validate-port-number", "validate-probe-grace", "validate-scheme",
		"timing-delay-zero", "default-startup", "lifecycle-pod-killed-in-one-sync",
	}
}

// shardsInTest is how many of the shards of the manifest there are: as many as the
// node of a CI bears.
const shardsInTest = 2

// TestNodeJobs: the manifests of deploy run the suite in a cluster, in the image
// that "vmprobe cluster image" makes and with the permissions that they grant and no
// others, as one Job and as shards that are disjoint and together complete. Their
// reports are in ConfigMaps, the same as in the logs. Every case passes, in one of
// the two or the other if the node was too busy for a verdict.
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
	passed := map[string]bool{}
	for _, name := range []string{"deploy/job.yaml", "deploy/shards.yaml"} {
		job := jobOf(t, name)
		if job, err = client.BatchV1().Jobs(job.Namespace).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		logs := logsOf(t, client, job)
		kept := keptOf(t, client, job)
		if want := int(*job.Spec.Completions); len(logs) != want || len(kept) != want {
			t.Fatalf("%s: %d logs and %d ConfigMaps, want %d", job.Name, len(logs), len(kept), want)
		}
		r := merged(t, kept)
		if !reflect.DeepEqual(r, merged(t, logs)) {
			t.Errorf("%s: the logs and the ConfigMaps have different reports", job.Name)
		}
		if len(r.Cases) != len(inClusterCases()) {
			t.Errorf("%s: %d cases", job.Name, len(r.Cases))
		}
		for i := range r.Cases {
			switch c := &r.Cases[i]; {
			case c.Result == judge.Pass:
				passed[c.Case] = true
			case late(c):
				t.Logf("not run: %s: %s: %s", job.Name, c.Case, c.Reason)
			default:
				t.Errorf("%s: %s: %s %s %+v", job.Name, c.Case, c.Result, c.Reason, c.Failures)
			}
		}
	}
	if len(passed) != len(inClusterCases()) && !t.Failed() {
		t.Errorf("only %v passed", slices.Sorted(maps.Keys(passed)))
	}
}

// jobOf reads a Job of the deployment, for the cases of the test.
func jobOf(t *testing.T, name string) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(documents(t, name)[0].Object, job); err != nil {
		t.Fatal(err)
	}
	c := &job.Spec.Template.Spec.Containers[0]
	if c.Image != guestbox.HarnessImage {
		t.Errorf("%s: image %s", name, c.Image)
	}
	if all := job.Spec.Completions; all != nil {
		for i := range c.Args {
			c.Args[i] = strings.ReplaceAll(c.Args[i], fmt.Sprintf("/%d", *all), fmt.Sprintf("/%d", shardsInTest))
		}
		n := int32(shardsInTest)
		job.Spec.Completions, job.Spec.Parallelism = &n, &n
	}
	c.Args = append(c.Args, inClusterCases()...)
	return job
}

// keptOf saves the reports in the ConfigMaps that the manifest of a job names.
func keptOf(t *testing.T, client kubernetes.Interface, job *batchv1.Job) (files []string) {
	t.Helper()
	args := job.Spec.Template.Spec.Containers[0].Args
	_, name, ok := strings.Cut(args[slices.Index(args, "--report")+1], "json=configmap:")
	if !ok {
		t.Fatalf("%s keeps no report: %q", job.Name, args)
	}
	for i := range *job.Spec.Completions { // the API server has set it to 1 where it was not
		m, err := client.CoreV1().ConfigMaps(job.Namespace).Get(t.Context(), strings.ReplaceAll(name, "$(JOB_INDEX)", strconv.Itoa(int(i))), metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(file, []byte(m.Data["report.json"]), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// merged puts the reports of shards together; one alone is whole already.
func merged(t *testing.T, parts []string) *report.Report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.yaml")
	args := append([]string{"report", "merge", "-o", file}, parts...)
	if len(parts) == 1 {
		args = []string{"report", "yaml", parts[0], "-o", file}
	}
	if text, err := exec.CommandContext(t.Context(), clusters[cluster.TierNode].program(), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return decoded(t, file)
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
