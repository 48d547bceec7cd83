package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// prober is a legal prober, slow and obvious: attempts every period from the
// initial delay plus a phase. Seconds, in quarters.
type prober struct{ delay, period, threshold int }

// turns are the instants, in quarters of a second, at which Ready changes for
// a guest that fails in [from, to).
func (p prober) turns(phase, from, to, until int) []int {
	var out []int
	ready, failures := false, 0
	for t := p.delay*4 + phase; t < until*4; t += p.period * 4 {
		if t >= from*4 && t < to*4 {
			failures++
			if ready && failures == p.threshold {
				ready = false
				out = append(out, t)
			}
			continue
		}
		failures = 0
		if !ready {
			ready = true
			out = append(out, t)
		}
	}
	return out
}

const lintFile = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain: {devices: {}}
  readinessProbe: {httpGet: {port: 80}, initialDelaySeconds: %d, periodSeconds: %d, timeoutSeconds: 1, failureThreshold: %d}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  title: x
  requirements: [THR-FAILURE]
  profiles: [kubernetes]
  until: %ds
  guests:
    web:
      http/80: [{reply: 200}, {at: %ds, reply: 503, as: bad}%s]
  expect:
    web:
      ready: [false, {to: true, in: [%ds, %ds]}, {to: false, in: [bad + %ds, bad + %ds]}%s]
`

// TestAmbiguous: the lint calls an outage ambiguous exactly when legal probers
// of different phases disagree about it.
func TestAmbiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prober{rapid.IntRange(1, 20).Draw(t, "delay"), rapid.IntRange(2, 15).Draw(t, "period"), rapid.IntRange(1, 4).Draw(t, "threshold")}
		from := p.delay + 2*p.period + rapid.IntRange(0, 10).Draw(t, "from")
		length := rapid.IntRange(1, 70).Draw(t, "length")
		until := from + length + 100
		lost := map[bool]bool{}
		for phase := range p.period * 4 {
			lost[len(p.turns(phase, from, from+length, until)) > 1] = true
		}
		text := fmt.Sprintf(lintFile, p.delay, p.period, p.threshold, until, from, fmt.Sprintf(", {at: %ds, reply: 200, as: good}", from+length),
			p.delay, p.delay+p.period, (p.threshold-1)*p.period, p.threshold*p.period, fmt.Sprintf(", {to: true, in: [good, good + %ds]}", p.period))
		list := loadAndLint("-", []byte(text), vocabulary)
		if got, want := has(list, diag.Ambiguous), len(lost) > 1; got != want {
			t.Fatalf("ambiguous %v, want %v: %v\n%s", got, want, list, text)
		}
	})
}

// TestNarrow: the lint refuses a window exactly when a legal prober turns
// outside it.
func TestNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := prober{rapid.IntRange(1, 20).Draw(t, "delay"), rapid.IntRange(2, 15).Draw(t, "period"), rapid.IntRange(1, 4).Draw(t, "threshold")}
		from := p.delay + 2*p.period + rapid.IntRange(0, 10).Draw(t, "from")
		until := from + p.threshold*p.period + 100
		edge := func(name string, base int) int { return max(0, base+rapid.IntRange(-2, 2).Draw(t, name)) }
		upLo, upHi := edge("upLo", p.delay), edge("upHi", p.delay+p.period)
		downLo, downHi := edge("downLo", (p.threshold-1)*p.period), edge("downHi", p.threshold*p.period)
		if upLo > upHi || downLo > downHi {
			t.Skip("an empty window is another mistake")
		}
		outside := false
		for phase := range p.period * 4 {
			turns := p.turns(phase, from, until, until)
			outside = outside || turns[0] < upLo*4 || turns[0] > upHi*4 ||
				turns[1] < (from+downLo)*4 || turns[1] > (from+downHi)*4
		}
		text := fmt.Sprintf(lintFile, p.delay, p.period, p.threshold, until, from, "", upLo, upHi, downLo, downHi, "")
		list := loadAndLint("-", []byte(text), vocabulary)
		if got := has(list, diag.Narrow); got != outside {
			t.Fatalf("narrow %v, want %v: %v\n%s", got, outside, list, text)
		}
	})
}

// TestManyRuns: the limits of vary keep a file affordable.
func TestManyRuns(t *testing.T) {
	data := []byte(diag.ExampleFile("vary: {a: [1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s], b: [1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s]}\nfaults: [{at: $a, for: $b, partition: [prober, web]}]\n"))
	begin := time.Now()
	if list := loadAndLint("example.yaml", data, vocabulary); list.HasErrors() {
		t.Error(rendered(t, list, "example.yaml", data))
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("64 runs in 4 profiles take %s", d)
	}
}
