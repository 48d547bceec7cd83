package kubelet

import (
	"fmt"

	"k8s.io/klog/v2"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
)

// watcher hears what a worker of the kubelet logs: its tries, as they begin,
// and its attempts, as they end. Each worker has a logger of its own, in the
// context with which its pod was added; nothing of the kubelet is touched.
type watcher struct {
	k *kubeletProber
	w *worker
}

// The messages that tell of tries and attempts. A kubelet that logs others
// passes no case: an attempt without a try fails them all.
var (
	begins = map[string]bool{
		"HTTP-Probe": true, "HTTP-Probe failed to create request": true,
		"TCP-Probe": true, "TCP-Probe failed to resolve port": true,
		"Exec-Probe runProbe": true,
	}
	ends = map[string]probes.Class{
		"Probe succeeded": probes.Success, "Probe succeeded with a warning": probes.Warning,
		"Probe failed": probes.Failure, "Probe errored": probes.Errored,
	}
)

// Init implements klog.LogSink, as the methods below do.
func (*watcher) Init(klog.RuntimeInfo) {}

func (*watcher) Enabled(level int) bool { return level <= 4 }

func (*watcher) Error(error, string, ...any) {}

func (h *watcher) WithValues(...any) klog.LogSink { return h }

func (h *watcher) WithName(string) klog.LogSink { return h }

// Info hears of a try that begins, or of an attempt that ends. A try for which
// another one begins has erred.
func (h *watcher) Info(_ int, msg string, keysAndValues ...any) {
	switch class, over := ends[msg]; {
	case begins[msg]:
		h.k.mu.Lock()
		again, dead := h.w.try > 0, h.k.dead
		h.k.mu.Unlock()
		switch {
		case dead:
			panic("the process was killed") // ends the try: nobody counts it
		case again:
			h.finish(probes.Errored, "", true)
		}
		h.begin()
	case over:
		h.finish(class, said(keysAndValues), false)
	}
}

// begin tells of a try, and loses it to a panic when the story wants so.
func (h *watcher) begin() {
	w := h.w
	h.k.mu.Lock()
	if w.try == 0 {
		w.attempt++
		_, _ = fmt.Sscanf(w.pod.status.ContainerStatuses[0].ContainerID, "sim://"+string(w.pod.object.UID)+"-%d", &w.instance)
	}
	w.try++
	report := door.TryFinished{Instance: w.instance, Attempt: w.attempt, Try: w.try, Class: probes.Errored, Panicked: true}
	panics := w.panics
	if w.panics = false; panics {
		w.try = 0
	}
	h.k.mu.Unlock()
	w.p.Report(door.TryStarted{Instance: report.Instance, Attempt: report.Attempt, Try: report.Try})
	if panics {
		w.p.Report(report)
		panic("as the story wants")
	}
}

func (h *watcher) finish(class probes.Class, message string, again bool) {
	w := h.w
	h.k.mu.Lock()
	report := door.TryFinished{
		Instance: w.instance, Attempt: w.attempt, Try: w.try, Class: class, Message: message, Again: again,
	}
	if !again {
		w.try = 0
	}
	h.k.mu.Unlock()
	w.p.Report(report)
}

// said is what a probe came to, in its own words.
func said(keysAndValues []any) string {
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		switch keysAndValues[i] {
		case "output", "err":
			return fmt.Sprint(keysAndValues[i+1])
		}
	}
	return ""
}
