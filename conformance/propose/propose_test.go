package propose_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/propose"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/draft"
)

// propose makes a scenario; the proof inside is the test.
func scenario(t interface {
	Fatalf(string, ...any)
	Helper()
}, text []byte, profile probes.ProfileName,
) (string, []string) {
	t.Helper()
	m, err := spec.DecodeAll(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	p, _ := probes.LookupProfile(profile)
	out, kills, err := propose.Scenario(context.Background(), text, m.Machines, draft.Options{Name: "story", Profile: p})
	if err != nil {
		t.Fatalf("%s\n%s\n%v", text, out, err)
	}
	return string(out), kills
}

// TestTheSamplesOfTheGuide: each is a story that catches wrong probers, in the
// profile of the guide and in KubeVirt's.
func TestTheSamplesOfTheGuide(t *testing.T) {
	files, err := filepath.Glob("../explain/testdata/manifests/guide-*.yaml")
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, "../explain/testdata/manifests/vm-fedora.yaml") {
		for _, profile := range []probes.ProfileName{probes.OpenShiftDoc, probes.KubeVirtLegacy, probes.KubeVirt} {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out, kills := scenario(t, text, profile)
			if !strings.Contains(out, strings.TrimSpace(string(text))) {
				t.Errorf("%s: the manifest is not in it as it was written:\n%s", file, out)
			}
			if !strings.HasPrefix(out, draft.Modeline+"\n") || len(kills) < 3 {
				t.Errorf("%s in %s kills %v:\n%s", file, profile, kills, out)
			}
		}
	}
}

// written draws a probe of a manifest.
func written(t *rapid.T, name string, handlers []string, thresholds int) string {
	n := func(what string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name+" "+what) }
	period := n("period", 1, 30)
	text := "{" + rapid.SampledFrom(handlers).Draw(t, name+" handler")
	text += fmt.Sprintf(", periodSeconds: %d, timeoutSeconds: %d, failureThreshold: %d", period, n("timeout", 1, period), n("failures", 1, 5))
	if thresholds > 1 {
		text += fmt.Sprintf(", successThreshold: %d", n("successes", 1, thresholds))
	}
	if rapid.Bool().Draw(t, name+" delayed") {
		text += fmt.Sprintf(", initialDelaySeconds: %d", n("delay", 0, 130))
	}
	return text + "}"
}

// TestAnyManifest: whatever its numbers are, what is written holds.
func TestAnyManifest(t *testing.T) {
	network := []string{"httpGet: {port: 80}", "httpGet: {port: 81}", "tcpSocket: {port: 80}", "tcpSocket: {port: 22}"}
	// A check is a proof of a hundred runs: CI makes the same few of them, and
	// -rapid.checks=1500 -rapid.seed=N searches.
	for name, value := range map[string]string{"rapid.checks": "30", "rapid.seed": "1"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				t.Fatal(err)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pod := rapid.Bool().Draw(t, "pod")
		handlers := network
		if !pod {
			handlers = append(append([]string{}, network...), "guestAgentPing: {}", "exec: {command: [a]}")
		}
		var lines []string
		which := rapid.IntRange(1, 3).Draw(t, "which")
		if which&1 != 0 {
			lines = append(lines, "readinessProbe: "+written(t, "readiness", handlers, 4))
		}
		if which&2 != 0 {
			lines = append(lines, "livenessProbe: "+written(t, "liveness", handlers, 1))
		}
		grace := fmt.Sprintf("terminationGracePeriodSeconds: %d", rapid.IntRange(0, 90).Draw(t, "grace"))
		if pod {
			if rapid.Bool().Draw(t, "startup") {
				lines = append(lines, "startupProbe: "+written(t, "startup", handlers, 1))
			}
			policy := rapid.SampledFrom([]string{"Always", "OnFailure", "Never"}).Draw(t, "policy")
			text := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  restartPolicy: %s\n  %s\n  containers:\n  - name: web\n    image: web\n    %s\n",
				policy, grace, strings.Join(lines, "\n    "))
			scenario(t, []byte(text), probes.Kubernetes)
			return
		}
		strategy := rapid.SampledFrom([]string{"Always", "RerunOnFailure", "Manual", "Once"}).Draw(t, "strategy")
		text := fmt.Sprintf("apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: web}\nspec:\n  runStrategy: %s\n  template:\n    spec:\n      domain: {devices: {}}\n      %s\n      %s\n",
			strategy, grace, strings.Join(lines, "\n      "))
		scenario(t, []byte(text), rapid.SampledFrom([]probes.ProfileName{probes.KubeVirt, probes.KubeVirtLegacy}).Draw(t, "profile"))
	})
}
