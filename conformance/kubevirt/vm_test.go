package kubevirt_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

var update = flag.Bool("update", false, "write the golden files")

func one(t *testing.T, name string, profile probes.ProfileName) *scenarios.Case {
	t.Helper()
	list := scenariotest.Embedded(t, name, profile)
	if len(list) == 0 {
		t.Fatalf("no case of %s in %s", name, profile)
	}
	return list[0]
}

// TestMachine: the guide's VM is what the guide says, but for what it boots; the
// overlay says what was changed.
func TestMachine(t *testing.T) {
	c := one(t, "guide-vm-template", probes.KubeVirt)
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewClientset(), BootImage: "vmprobe.test/boot:golden"})
	object, overlay, err := bed.MachineOf(&c.VMs[0])
	if err != nil {
		t.Fatal(err)
	}
	labels := []string{"metadata", "labels", kubevirt.RunLabel}
	unstructured.RemoveNestedField(object.Object, labels...)
	unstructured.RemoveNestedField(object.Object, append([]string{"spec", "template"}, labels...)...)
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(overlay) {
		if !strings.Contains(line, kubevirt.RunLabel) {
			kept = append(kept, line)
		}
	}
	golden(t, "vm-fedora.yaml", string(text))
	golden(t, "vm-fedora.overlay.yaml", strings.Join(kept, ""))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "machine", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}

// TestMachines: every case that the testbed says it can run has manifests, whose
// probes are the scenario's, and which boot the guest alone.
func TestMachines(t *testing.T) {
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewClientset()})
	n := 0
	for _, c := range scenariotest.Embedded(t, "*", probes.KubeVirt) {
		if bed.Unsupported(c) != "" || slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool { return v.Resolved.Rejected() }) {
			continue
		}
		n++
		for i := range c.VMs {
			v := &c.VMs[i]
			object, overlay, err := bed.MachineOf(v)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
				continue
			}
			at := []string{"spec"}
			if object.GetKind() == "VirtualMachine" {
				at = []string{"spec", "template", "spec"}
			}
			spec, _, _ := unstructured.NestedMap(object.Object, at...)
			boots, _, _ := unstructured.NestedString(spec, "domain", "firmware", "kernelBoot", "container", "image")
			if boots != kubevirt.DefaultBootImage || spec["volumes"] != nil || !strings.Contains(overlay, "kernelBoot") {
				t.Errorf("%s: boots %q, volumes %v", c.ID(), boots, spec["volumes"])
			}
			if has := spec["readinessProbe"] != nil || spec["livenessProbe"] != nil; has != (len(v.Resolved.Probes) > 0) {
				t.Errorf("%s: probes %v", c.ID(), spec)
			}
			if strings.Contains(overlay, "Probe") {
				t.Errorf("%s: the overlay changes a probe:\n%s", c.ID(), overlay)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d cases can run", n)
	}
}

// TestUnsupportedVM: what a VM of a real KubeVirt cannot express has its reason.
func TestUnsupportedVM(t *testing.T) {
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewClientset()})
	for name, want := range map[string]string{
		"agent-libvirt-codes":            "fault agentCode",
		"lifecycle-migration-short":      "event migrate",
		"timing-domain-late":             "a domain that begins late",
		"http-explicit-host":             "a probe of another host",
		"lifecycle-guest-crash":          "a guest that crashes",
		"lifecycle-guest-suspended":      "a guest that is suspended",
		"agent-snapshot":                 "event snapshot: the VM has no disk",
		"network-partition":              "fault partition",
		"timing-delay-zero":              "may need 20s to boot",
		"agent-garbage-sticks":           "",
		"lifecycle-strategy-guest-obeys": "6 VMs: at most 3",
	} {
		c := one(t, name, probes.KubeVirt)
		if got := bed.Unsupported(c); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestProfileOf: an older KubeVirt is of another profile; one that has a part of
// what is new is of none.
func TestProfileOf(t *testing.T) {
	for version, want := range map[string]probes.ProfileName{
		"v1.9.0": probes.KubeVirt, "v1.10.1": probes.KubeVirt, "v1.8.2": probes.KubeVirtLegacy, "v1.8.3": "", "v1.8.4": "",
		"v1.9.0-rc.0": probes.KubeVirt, "v1.7.0": probes.KubeVirtLegacy, "v1.7.9": "", "v1.5.3": probes.KubeVirtLegacy, "v1.6.1": probes.KubeVirtLegacy,
		"v1.4.2": "", "v1.3.9": probes.KubeVirtLegacy, "v0.58.0": probes.KubeVirtLegacy,
		"": probes.KubeVirt, "v2.0.0": probes.KubeVirt, "{gitVersion}": probes.KubeVirt,
	} {
		if got := kubevirt.ProfileOf(version); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
}

// TestActions: what a case does to a VM goes through KubeVirt's API.
func TestActions(t *testing.T) {
	vmis := schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachineinstances"}
	vmi := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": map[string]any{"name": "vm", "namespace": "ns"},
	}}
	api := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{vmis: "VirtualMachineInstanceList"}, vmi)
	var asked []string
	bed := kubevirt.New(kubevirt.Config{
		Client: fake.NewClientset(), Dynamic: api,
		Raw: func(_ context.Context, method, path string, _ []byte) ([]byte, error) {
			asked = append(asked, method+" "+path)
			return nil, nil
		},
	})
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	act := bed.Acting(t.Context(), &scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "vm"}}}, "ns")
	do := func(e scenarios.Event) {
		t.Helper()
		e.VM = "vm"
		if err := act(&e); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
	}
	do(scenarios.Event{Kind: scenarios.PauseVM})
	do(scenarios.Event{Kind: scenarios.UnpauseVM})
	const at = "PUT /apis/subresources.kubevirt.io/v1/namespaces/ns/virtualmachineinstances/vm/"
	if want := []string{at + "pause", at + "unpause"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	annotation := func() string {
		o, err := api.Resource(vmis).Namespace("ns").Get(t.Context(), "vm", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return o.GetAnnotations()["kubevirt.io/pause-guest-agent-probes"]
	}
	do(scenarios.Event{Kind: scenarios.Annotate, Value: "true"})
	if annotation() != "true" {
		t.Error("the annotation is not there")
	}
	do(scenarios.Event{Kind: scenarios.Annotate})
	if annotation() != "" {
		t.Error("the annotation is still there")
	}
	for range 2 { // one that is gone is no trouble
		do(scenarios.Event{Kind: scenarios.DeleteVMI})
	}
	if _, err := api.Resource(vmis).Namespace("ns").Get(t.Context(), "vm", metav1.GetOptions{}); err == nil {
		t.Error("it was not deleted")
	}
}

// guest answers as the guest in a launcher's VM.
type guest struct {
	boot  int
	boots []guestd.Request
}

func (g *guest) answer(_ context.Context, method, path string, body []byte) ([]byte, error) {
	if want := fmt.Sprintf("/api/v1/namespaces/ns/pods/launcher:%d/proxy/", guestd.ConsolePort); method != http.MethodPost || path != want {
		return nil, fmt.Errorf("%s %s", method, path)
	}
	var r guestd.Request
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	if r.Op == guestd.OpBoot {
		g.boot = r.Boot.Number
		g.boots = append(g.boots, r)
	}
	return json.Marshal(guestd.Message{Clock: time.Second, Boot: g.boot})
}

// TestLead: a guest is told once what it is, and again after a reboot; one that
// comes after the case needs it tells of a busy node.
func TestLead(t *testing.T) {
	c := one(t, "lifecycle-guest-reboot", probes.KubeVirt)
	g := &guest{}
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewClientset(), Raw: g.answer})
	lead := bed.Leading(t.Context(), c, time.Now().Add(-10*time.Second))
	for range 3 {
		if err := lead(); err != nil {
			t.Fatal(err)
		}
	}
	g.boot = 0
	if err := lead(); err != nil {
		t.Fatal(err)
	}
	if len(g.boots) != 2 || g.boots[0].Boot.Number != 1 || g.boots[1].Boot.Number != 2 {
		t.Fatalf("booted %+v", g.boots)
	}
	if first, later := g.boots[0].Boot.At, g.boots[1].Boot.At; first != 0 || later < 10*time.Second {
		t.Errorf("booted at %v and at %v", first, later)
	}
	if o := g.boots[0].Offset; o < 9*time.Second || o > 30*time.Second {
		t.Errorf("offset %v", o)
	}
	late := bed.Leading(t.Context(), c, time.Now().Add(-time.Hour))
	g.boot = 0
	if err := late(); !errors.Is(err, observe.ErrBusy) {
		t.Errorf("a guest that came an hour late: %v", err)
	}
}

// TestJoin: the reports of all boots in a pod are numbered as those of one.
func TestJoin(t *testing.T) {
	join := kubevirt.Join()
	var got []int
	for _, r := range []guestlog.Report{
		{Container: 1, Seq: 1, Event: guestlog.EventHello},
		{Container: 1, Seq: 2},
		{Container: 1, Seq: 3},
		{Container: 2, Seq: 1, Event: guestlog.EventHello},
		{Container: 2, Seq: 2},
		{Container: 2, Seq: 3},
		{Container: 3, Seq: 1, Event: guestlog.EventHello},
		{Container: 3, Seq: 2},
	} {
		if join(&r) {
			got = append(got, r.Seq)
		}
		if r.Container != 1 && r.Seq != 1 {
			t.Errorf("container %d", r.Container)
		}
	}
	if want := []int{1, 2, 3, 4, 5, 6}; !slices.Equal(got, want) {
		t.Errorf("numbers %v, want %v", got, want)
	}
}
