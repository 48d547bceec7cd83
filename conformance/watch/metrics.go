package watch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Metrics counts as the kubelet does, under its names: prober_probe_total and
// prober_probe_duration_seconds. Nil counts nothing.
type Metrics struct {
	// Namespace, Pod and Container are labels of all.
	Namespace, Pod, Container string

	mu       sync.Mutex
	total    map[[2]string]int
	duration map[string]*histogram
}

// histogram counts durations below each of buckets, and in all.
type histogram struct {
	below [11]int
	count int
	sum   float64
}

// buckets are the kubelet's, in seconds.
func buckets() [11]float64 { return [11]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10} }

// probeType is the word of the kubelet for a kind.
func probeType(k probes.Kind) string {
	name := k.String()
	return strings.ToUpper(name[:1]) + name[1:]
}

// count takes an attempt. A warning counts as successful; an error is
// "unknown".
func (m *Metrics) count(k probes.Kind, class probes.Class, took time.Duration) {
	if m == nil {
		return
	}
	result := "successful"
	switch class {
	case probes.Failure:
		result = "failed"
	case probes.Errored, probes.NoClass:
		result = "unknown"
	default:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total == nil {
		m.total, m.duration = map[[2]string]int{}, map[string]*histogram{}
	}
	m.total[[2]string{probeType(k), result}]++
	if result == "unknown" {
		return
	}
	h := m.duration[probeType(k)]
	if h == nil {
		h = &histogram{}
		m.duration[probeType(k)] = h
	}
	h.count++
	h.sum += took.Seconds()
	for i, b := range buckets() {
		if took.Seconds() <= b {
			h.below[i]++
		}
	}
}

// ServeHTTP writes everything in Prometheus' text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(m.text())) // a scraper that has gone
}

func (m *Metrics) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	labels := fmt.Sprintf("container=%q,namespace=%q,pod=%q", m.Container, m.Namespace, m.Pod)
	var b strings.Builder
	b.WriteString("# HELP prober_probe_total Attempts of probes by their result.\n# TYPE prober_probe_total counter\n")
	var totals []string
	for k, n := range m.total {
		totals = append(totals, fmt.Sprintf("prober_probe_total{%s,probe_type=%q,result=%q} %d\n", labels, k[0], k[1], n))
	}
	slices.Sort(totals)
	b.WriteString(strings.Join(totals, ""))
	b.WriteString("# HELP prober_probe_duration_seconds How long attempts took.\n# TYPE prober_probe_duration_seconds histogram\n")
	for _, kind := range []probes.Kind{probes.Liveness, probes.Readiness, probes.Startup} {
		h := m.duration[probeType(kind)]
		if h == nil {
			continue
		}
		all := fmt.Sprintf("%s,probe_type=%q", labels, probeType(kind))
		for i, le := range buckets() {
			fmt.Fprintf(&b, "prober_probe_duration_seconds_bucket{%s,le=\"%g\"} %d\n", all, le, h.below[i])
		}
		fmt.Fprintf(&b, "prober_probe_duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", all, h.count)
		fmt.Fprintf(&b, "prober_probe_duration_seconds_sum{%s} %g\nprober_probe_duration_seconds_count{%s} %d\n", all, h.sum, all, h.count)
	}
	return b.String()
}
