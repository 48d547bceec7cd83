package conformance_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance"
	"github.com/vmprobe/vmprobe/conformance/door"
)

// hasty is a prober that takes the first answer for the last word.
func hasty(ctx context.Context, p *door.Probe, c door.Container) {
	client := &http.Client{Transport: p.Transport(), Timeout: p.Spec.Timeout}
	for n := int32(1); ctx.Err() == nil; n++ {
		p.Report(door.TryStarted{Instance: c.Instance, Attempt: n, Try: 1})
		resp, err := client.Get(p.URL(c))
		if err == nil {
			resp.Body.Close()
		}
		p.Report(door.State{Instance: c.Instance, Healthy: err == nil && resp.StatusCode < 400})
		time.Sleep(p.Spec.Period)
	}
}

// stuck waits for a mutex that nobody opens.
func stuck(context.Context, *door.Probe, door.Container) {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
}

// The Go door fails the test of a wrong prober, of a selection without a case,
// and of a list of known failures that is not true: each in a child, as a test
// that fails cannot be tested otherwise.
func TestGoDoorFails(t *testing.T) {
	const inChild = "VMPROBE_TEST_DOOR"
	factory := func() door.Prober { return door.Containers(hasty) }
	one := conformance.Scenarios("threshold-ffsff@kubernetes")
	known := func(id string) conformance.Option {
		return conformance.Failing(map[string]string{id: "it is hasty"})
	}
	list := func(message string) conformance.Option {
		file := filepath.Join(t.TempDir(), "known.yaml")
		text := "apiVersion: vmprobe.dev/v1alpha1\nkind: KnownFailing\nentries:\n"
		for _, rule := range []string{"TIM-DELAY-NEVER-EARLY", "STATE-INIT", "THR-CONSECUTIVE", "TIM-TIMEOUT-ATTEMPT", "THR-NO-HYSTERESIS-LEAK"} {
			text += "- {case: threshold-ffsff, requirement: " + rule + ", message: '" + message + "', reason: it is hasty, issue: 'https://x.example/1', expires: 2999-01-01}\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return conformance.KnownFailing(file)
	}
	children := map[string]struct {
		opts []conformance.Option
		fail bool
		want string
	}{
		"wrong":     {[]conformance.Option{one}, true, "TIM-DELAY-NEVER-EARLY"},
		"nothing":   {[]conformance.Option{conformance.Labels("no-such-label")}, true, "nothing selected"},
		"unknown":   {[]conformance.Option{conformance.Scenarios("no-such-scenario")}, true, "no embedded scenario"},
		"stale":     {[]conformance.Option{one, known("no-such@kubernetes")}, true, "no selected case is called"},
		"overlay":   {[]conformance.Option{one, conformance.Overlay()}, true, "package net was built without the overlay"},
		"stuck":     {[]conformance.Option{one, conformance.Patience(300 * time.Millisecond)}, true, "virtual time has stood still"},
		"in a file": {[]conformance.Option{one, list("*")}, false, "fails as known: it is hasty (https://x.example/1, until 2999-01-01)"},
		"otherwise": {[]conformance.Option{one, list("no such message")}, true, "error[K009]"},
		"no file":   {[]conformance.Option{one, conformance.KnownFailing("no-such.yaml")}, true, "no-such.yaml: no such file"},
		"known":     {[]conformance.Option{one, known("threshold-ffsff@kubernetes")}, false, "fails as known: it is hasty"},
	}
	if name := os.Getenv(inChild); name != "" {
		if name == "stuck" {
			factory = func() door.Prober { return door.Containers(stuck) }
		}
		conformance.Test(t, factory, children[name].opts...)
		return
	}
	for name, child := range children {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestGoDoorFails$", "-test.v")
			cmd.Env = append(os.Environ(), inChild+"="+name)
			out, err := cmd.CombinedOutput()
			if (err != nil) != child.fail || !strings.Contains(string(out), child.want) {
				t.Errorf("error %v, want one: %t, with %q:\n%s", err, child.fail, child.want, out)
			}
		})
	}
}
