package scenarios_test

import (
	"fmt"
	"strings"
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

// TestRiddenOut: a partition within which TCP repeats what was lost in time is
// no outage; one that may outlast the timeout of an attempt is.
func TestRiddenOut(t *testing.T) {
	const faults = `
  faults: [{at: 100s, for: %s, partition: [prober, web]}]
`
	for _, c := range []struct {
		timeout   int
		length    string
		ambiguous bool
	}{
		{5, "2500ms", false},
		{5, "3s", false},
		{5, "3100ms", true},
		{3, "2500ms", true},
		{9, "6900ms", false},
		{2, "900ms", false},
		{1, "900ms", true},
	} {
		text := fmt.Sprintf(`apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain: {devices: {}}
  readinessProbe: {httpGet: {port: 80}, initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: %d, failureThreshold: 1}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  title: x
  requirements: [THR-FAILURE]
  until: 300s
  guests: {web: {http/80: [{reply: 200}]}}%s  expect:
    web:
      ready: [false, {to: true, in: [initialDelay, initialDelay + period]}]
`, c.timeout, fmt.Sprintf(faults, c.length))
		if list := loadAndLint("-", []byte(text), vocabulary); has(list, diag.Ambiguous) != c.ambiguous {
			t.Errorf("timeout %ds, partition %s: ambiguous is not %v: %v", c.timeout, c.length, c.ambiguous, list)
		}
	}
}

// TestSlowAnswer: nobody turns before an answer that takes its time.
func TestSlowAnswer(t *testing.T) {
	for lo, narrow := range map[int]bool{18: false, 17: false, 19: true} {
		text := fmt.Sprintf(lintFile, 10, 20, 1, 300, 200, "", lo, 38, 0, 20, "")
		text = strings.Replace(text, "timeoutSeconds: 1", "timeoutSeconds: 15", 1)
		text = strings.Replace(text, "[{reply: 200}", "[{reply: {status: 200, delay: 8s}}", 1)
		if list := loadAndLint("-", []byte(text), vocabulary); has(list, diag.Narrow) != narrow {
			t.Errorf("window from %d s: narrow is not %v: %v", lo, narrow, list)
		}
	}
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
