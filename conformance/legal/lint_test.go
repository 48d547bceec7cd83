package legal_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

const outage = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: compute
      image: example.com/web
      readinessProbe: {tcpSocket: {port: 22}, initialDelaySeconds: %d, periodSeconds: %d, timeoutSeconds: 1, failureThreshold: %d}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  title: x
  requirements: [THR-FAILURE]
  profiles: [kubernetes]
  kills: [default-period-30]
  until: %ds
  guests:
    web:
      tcp/22: [{reply: ok}, {at: %ds, reply: refused, as: bad}]
  expect:
    web:
      ready: [false, {to: true, in: [%ds, %ds]}, {to: false, in: [bad + %ds, bad + %ds]}]
`

// TestLintAgrees holds the arithmetic of the lint to the population: it calls
// a window narrow exactly when a legal prober is rejected.
func TestLintAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delay, period, threshold := rapid.IntRange(1, 15).Draw(t, "delay"), rapid.IntRange(3, 12).Draw(t, "period"), rapid.IntRange(1, 4).Draw(t, "threshold")
		bad := delay + 2*period + rapid.IntRange(0, 10).Draw(t, "bad")
		edge := func(name string, base int) int { return max(0, base+rapid.IntRange(-2, 2).Draw(t, name)) }
		upLo, upHi := edge("upLo", delay), edge("upHi", delay+period)
		downLo, downHi := edge("downLo", (threshold-1)*period), edge("downHi", threshold*period)
		if upLo > upHi || downLo > downHi {
			t.Skip("an empty window is another mistake")
		}
		text := fmt.Sprintf(outage, delay, period, threshold, bad+threshold*period+60, bad, upLo, upHi, downLo, downHi)
		file, diags := scenarios.Load("-", []byte(text), scenarios.Options{})
		cases, more := file.Cases(nil)
		if diags.HasErrors() || more.HasErrors() {
			t.Fatal(diags, more, text)
		}
		found, err := legal.Lint(t.Context(), cases, legal.Options{Probers: legal.Edges(), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if said, seen := narrow(scenarios.Lint(file)), narrow(found); said != seen {
			t.Fatalf("arithmetic finds a narrow window: %v, the population: %v\n%v\n%s", said, seen, found, text)
		}
	})
}

func narrow(list diag.List) bool {
	for _, d := range list {
		if d.Code == diag.Narrow {
			return true
		}
	}
	return false
}
