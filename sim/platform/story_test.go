package platform_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// world is a VM with a prober that does nothing and a guest that knows the
// power button.
type world struct {
	k    *sim.Kernel
	v    *platform.VM
	log  strings.Builder
	acpi time.Duration // until power off; negative: ignored

	booted, paused bool
	events         []trace.Event
	check          func() // after every event
}

func (w *world) Record(e trace.Event) {
	w.events = append(w.events, e)
	fmt.Fprintf(&w.log, "%9.3fs ", e.T.Seconds())
	if e.Instance > 0 {
		fmt.Fprintf(&w.log, "#%d ", e.Instance)
	}
	w.log.WriteString(e.Kind.String())
	switch e.Kind {
	case trace.Ready, trace.Endpoint, trace.Pause, trace.Unpause:
		fmt.Fprintf(&w.log, " %v", e.OK)
	default:
	}
	for _, s := range []string{e.Value, e.Msg} {
		if s != "" {
			w.log.WriteString(" " + s)
		}
	}
	w.log.WriteByte('\n')
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(&w.log, "%9.3fs    "+format+"\n", append([]any{w.k.Now().Seconds()}, args...)...)
}

func (w *world) Boot(i int32) { w.booted, w.paused = true, false; w.say("guest boots in #%d", i) }
func (w *world) Destroy()     { w.booted = false; w.say("guest destroyed") }
func (w *world) Pause()       { w.paused = true; w.say("guest paused") }
func (w *world) Resume()      { w.paused = false; w.say("guest resumed") }
func (w *world) Move(i int32) { w.say("guest moves to #%d", i) }

func (w *world) ACPIShutdown() {
	if w.acpi < 0 || w.paused || !w.booted {
		return
	}
	w.booted = false
	w.k.Set(w.k.NewTimer(99, w.v.PoweredOff), w.k.Now()+w.acpi)
}

func (w *world) ContainerStarted(c platform.Container) {
	if c.Pod != c.Instance {
		w.say("prober: workers of #%d go on with #%d", c.Pod, c.Instance)
	}
}

func (w *world) ContainerStopped(i int32, restart bool) {
	w.say("prober: #%d stopped, restart=%v", i, restart)
}
func (w *world) Terminating(i int32) { w.say("prober: #%d terminating", i) }
func (w *world) Trigger(int32)       {}

type publisher struct {
	platform.Null
	w *world
}

func (p publisher) VMI(time.Duration, platform.VMI) {
	if p.w.check != nil {
		p.w.check()
	}
}

func setting(d *datadriven.TestData, key, def string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return def
}

func duration(t rapid.TB, s string) time.Duration {
	t.Helper()
	v, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// config reads the flags of a story. Without "grace" it is 30 s, and the pod
// grace is KubeVirt's 30 s more (kubernetes: equal).
func (w *world) config(t rapid.TB, d *datadriven.TestData) platform.Config {
	t.Helper()
	profile, ok := probes.LookupProfile(probes.ProfileName(setting(d, "profile", "kubevirt")))
	if !ok {
		t.Fatalf("%s: no such profile", d.Pos)
	}
	grace := duration(t, setting(d, "grace", "30s"))
	podGrace := grace
	if profile.VM {
		podGrace += 30 * time.Second
	}
	r := spec.Resolved{
		Profile: profile.Name, RunStrategy: spec.RunStrategy(setting(d, "run", "")),
		Grace: grace, PodGrace: podGrace, StartPaused: d.HasArg("start-paused"),
		RestartPolicy: corev1.RestartPolicy(setting(d, "policy", "")),
	}
	if d.HasArg("readiness") {
		r.Probes = append(r.Probes, probes.Probe{Kind: probes.Readiness, TerminationGrace: -1})
	}
	if h := setting(d, "liveness", ""); h != "" {
		handler := map[string]probes.Handler{"http": probes.HTTPGet, "agent": probes.GuestAgentPing}[h]
		own := duration(t, setting(d, "probe-grace", "-1s"))
		r.Probes = append(r.Probes, probes.Probe{Kind: probes.Liveness, Handler: handler, TerminationGrace: own})
	}
	if d.HasArg("startup") {
		r.Probes = append(r.Probes, probes.Probe{Kind: probes.Startup, TerminationGrace: -1})
	}
	return platform.Config{
		Kernel: w.k, Sink: w, Guest: w, Prober: w, Publisher: publisher{w: w}, Name: "web", Actor: 1,
		Profile: profile, Resolved: r,
		DomainDelay:   duration(t, setting(d, "domain-delay", "0s")),
		LauncherHangs: d.HasArg("launcher-hangs"),
		Annotation:    setting(d, "annotation", ""),
	}
}

// do is one line of a story: "100s live-failed 1".
func (w *world) do(t rapid.TB, line string) {
	t.Helper()
	f := strings.Fields(line)
	arg := func(i int) string {
		if i+1 < len(f) {
			return f[i+1]
		}
		return ""
	}
	n, _ := strconv.Atoi(arg(1))
	instance := int32(n)
	var fn func() error
	plain := func(f func()) func() error { return func() error { f(); return nil } }
	switch f[1] {
	case "ready":
		fn = plain(func() { w.v.ReadyChanged(instance, arg(2) == "true") })
	case "started":
		fn = plain(func() { w.v.StartupChanged(instance, true) })
	case "live-failed":
		fn = plain(func() { w.v.LivenessFailed(instance, probes.Liveness) })
	case "startup-failed":
		fn = plain(func() { w.v.LivenessFailed(instance, probes.Startup) })
	case "poweroff":
		fn = plain(w.v.PoweredOff)
	case "crash":
		fn = plain(w.v.Crashed)
	case "suspend":
		fn = plain(w.v.Suspended)
	case "wake":
		fn = plain(w.v.Woke)
	case "stop-container":
		fn = plain(w.v.StopContainer)
	case "sync":
		fn = plain(w.sync)
	case "pause":
		fn = w.v.Pause
	case "unpause":
		fn = w.v.Unpause
	case "io-error":
		fn = func() error { return w.v.SuspendIO(duration(t, arg(1))) }
	case "snapshot":
		fn = func() error { return w.v.Snapshot(duration(t, arg(1))) }
	case "migrate":
		fn = func() error { return w.v.Migrate(duration(t, arg(1)), arg(2) != "failed") }
	case "delete":
		fn = w.v.Delete
	case "evict":
		fn = w.v.Evict
	case "annotate":
		fn = func() error { return w.v.Annotate(arg(1)) }
	case "domain":
		fn = plain(func() { w.say("domain of #%d: %+v", instance, w.v.Domain(instance)) })
	default:
		t.Fatalf("no such line: %q", line)
	}
	w.k.Set(w.k.NewTimer(50, func() {
		w.say("> %s", strings.Join(f[1:], " "))
		if err := fn(); err != nil {
			w.say("  %v", err)
		}
	}), duration(t, f[0]))
}

// sync holds Heeds to what a sync does.
func (w *world) sync() {
	heeds, before := w.v.Heeds(), w.log.Len()
	w.v.Sync()
	if w.log.Len() > before && !heeds {
		panic("a sync that nobody heeds did something:\n" + w.log.String()[before:])
	}
}

func newWorld(seed uint64) *world { return &world{k: sim.New(seed), acpi: 2 * time.Second} }

func (w *world) play(t rapid.TB, d *datadriven.TestData) {
	t.Helper()
	if s := setting(d, "acpi", ""); s == "ignore" {
		w.acpi = -1
	} else if s != "" {
		w.acpi = duration(t, s)
	}
	v, err := platform.New(w.config(t, d))
	if err != nil {
		t.Fatal(err)
	}
	w.v = v
	v.Start()
	for line := range strings.Lines(d.Input) {
		if strings.TrimSpace(line) != "" {
			w.do(t, line)
		}
	}
	if err := w.k.Run(duration(t, setting(d, "until", "300s"))); err != nil {
		t.Fatal(err)
	}
	w.k.Close()
}

// TestStories plays stories through the platform and shows everything that it
// records and does.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "matrix" {
				return matrix(t)
			}
			w := newWorld(1)
			w.play(t, d)
			return w.log.String()
		})
	})
}
