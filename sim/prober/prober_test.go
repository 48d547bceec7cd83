package prober_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// stage is a prober with a scripted tryer and a platform that only listens.
type stage struct {
	k     *sim.Kernel
	log   strings.Builder
	quiet bool

	d       *prober.Driver
	v       *prober.VM
	answers map[int][]string // by slot: "S", "F 2s", "E", the last repeats
	tried   map[int]int
}

func (s *stage) Record(e trace.Event) {
	if s.quiet {
		return
	}
	fmt.Fprintf(&s.log, "%8.3fs ", e.T.Seconds())
	if e.Instance > 0 {
		fmt.Fprintf(&s.log, "#%d ", e.Instance)
	}
	s.log.WriteString(e.Kind.String())
	if e.HasProbe {
		fmt.Fprintf(&s.log, " %v", e.Probe)
	}
	if e.Attempt > 0 {
		fmt.Fprintf(&s.log, " %d", e.Attempt)
	}
	if e.Try > 0 {
		fmt.Fprintf(&s.log, ".%d", e.Try)
	}
	if e.Class != probes.NoClass {
		fmt.Fprintf(&s.log, " %v", e.Class)
	}
	if e.Kind == trace.ProbeState {
		fmt.Fprintf(&s.log, " %v", e.OK)
	}
	if e.Value != "" {
		s.log.WriteString(" " + e.Value)
	}
	s.log.WriteByte('\n')
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(&s.log, "%8.3fs    "+format+"\n", append([]any{s.k.Now().Seconds()}, args...)...)
}

func (s *stage) ReadyChanged(i int32, ok bool)   { s.say("platform: #%d ready=%v", i, ok) }
func (s *stage) StartupChanged(i int32, ok bool) { s.say("platform: #%d started=%v", i, ok) }
func (s *stage) LivenessFailed(i int32, k probes.Kind) {
	s.say("platform: #%d %v failed", i, k)
}

func (s *stage) ClusterEvent(i int32, warning bool, reason, message string) {
	s.say("event: #%d %s %s", i, reason, message)
}

// Try answers from the script.
func (s *stage) Try(req prober.Request, done func(probes.Result)) {
	list := s.answers[req.Slot]
	answer := "S"
	if len(list) > 0 {
		answer = list[min(s.tried[req.Slot], len(list)-1)]
	}
	s.tried[req.Slot]++
	class, wait, _ := strings.Cut(answer, "/")
	r := probes.Result{Message: "because"}
	for _, c := range []probes.Class{probes.Success, probes.Warning, probes.Failure, probes.Errored} {
		if class == string(c.Letter()) {
			r.Class = c
		}
	}
	d, err := time.ParseDuration(wait)
	if err != nil || d == 0 {
		done(r)
		return
	}
	s.k.Set(s.k.NewTimer(90, func() { done(r) }), s.k.Now()+d)
}

var kinds = map[string]probes.Kind{"readiness": probes.Readiness, "liveness": probes.Liveness, "startup": probes.Startup}

// probe reads "readiness=(10s,3,1,0s)": period, failure and success threshold,
// delay.
func probe(t *testing.T, kind probes.Kind, vals []string) probes.Probe {
	t.Helper()
	p := probes.Probe{Kind: kind, Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3, SuccessThreshold: 1}
	for i, v := range vals {
		d, err := time.ParseDuration(v)
		n, nerr := strconv.Atoi(v)
		switch {
		case i == 0 && err == nil:
			p.Period = d
		case i == 1 && nerr == nil:
			p.FailureThreshold = int32(n)
		case i == 2 && nerr == nil:
			p.SuccessThreshold = int32(n)
		case i == 3 && err == nil:
			p.InitialDelay = d
		default:
			t.Fatalf("bad probe %v", vals)
		}
	}
	return p
}

func (s *stage) setUp(t *testing.T, d *datadriven.TestData) (until time.Duration) {
	t.Helper()
	until, age := 60*time.Second, time.Hour
	var list []probes.Probe
	var answers [][]string
	for _, a := range d.CmdArgs {
		switch kind, ok := kinds[a.Key]; {
		case ok:
			list, answers = append(list, probe(t, kind, a.Vals)), append(answers, nil)
		case a.Key == "answers":
			answers[len(answers)-1] = a.Vals
		case a.Key == "until":
			until, _ = time.ParseDuration(a.Vals[0])
		case a.Key == "age":
			age, _ = time.ParseDuration(a.Vals[0])
		default:
			t.Fatalf("%s: unknown argument %s", d.Pos, a.Key)
		}
	}
	for slot, a := range answers {
		s.answers[slot] = a
	}
	var err error
	if s.d, err = prober.New(prober.Config{Kernel: s.k, Sink: s, Tryer: s, Age: age}); err != nil {
		t.Fatal(err)
	}
	if s.v, err = s.d.Add(prober.VMConfig{Name: "web", Actor: 10, Probes: list, Tries: 3}); err != nil {
		t.Fatal(err)
	}
	s.v.Bind(s)
	return until
}

// do schedules one line: "20s stop 1", "25s start 2 1".
func (s *stage) do(t *testing.T, line string) {
	t.Helper()
	f := strings.Fields(line)
	at, err := time.ParseDuration(f[0])
	if err != nil {
		t.Fatal(err)
	}
	arg := func(i int) string { return append(f[2:], "", "")[i] }
	number := func(i int) int32 { n, _ := strconv.Atoi(arg(i)); return int32(n) }
	s.k.Set(s.k.NewTimer(50, func() {
		s.say("> %s", strings.Join(f[1:], " "))
		switch f[1] {
		case "start":
			s.v.ContainerStarted(platform.Container{Instance: number(0), Pod: number(1), At: s.k.Now()})
		case "stop":
			s.v.ContainerStopped(number(0), arg(1) == "restart")
		case "terminating":
			s.v.Terminating(number(0))
		case "trigger":
			s.v.Trigger(number(0))
		case "restart-prober":
			s.d.Restart()
		case "panic":
			s.v.PanicNext()
		case "step":
			by, _ := time.ParseDuration(arg(0))
			s.d.StepClock(by)
		default:
			t.Errorf("no such line: %q", line)
		}
	}), at)
}

func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s := &stage{k: sim.New(3), answers: map[int][]string{}, tried: map[int]int{}}
			defer s.k.Close()
			until := s.setUp(t, d)
			for line := range strings.Lines(d.Input) {
				if strings.TrimSpace(line) != "" {
					s.do(t, line)
				}
			}
			if err := s.k.Run(until); err != nil {
				t.Fatal(err)
			}
			return s.log.String()
		})
	})
}

// TestPhasesAreFree draws the phases of many workers: all over the period, and
// the first attempt is never early (TIM-DELAY-NEVER-EARLY, TIM-DELAY-TICK).
func TestPhasesAreFree(t *testing.T) {
	const n, period, delay = 400, 10 * time.Second, 3 * time.Second
	var quarters [4]int
	first := func(seed uint64, age time.Duration) time.Duration {
		k := sim.New(seed)
		defer k.Close()
		at := time.Duration(-1)
		d, err := prober.New(prober.Config{Kernel: k, Sink: &trace.Recorder{}, Age: age, Tryer: prober.TryerFunc(
			func(_ prober.Request, done func(probes.Result)) {
				if at < 0 {
					at = k.Now()
				}
				done(probes.Result{Class: probes.Success})
			})})
		if err != nil {
			t.Fatal(err)
		}
		p := probes.Probe{Kind: probes.Readiness, Period: period, InitialDelay: delay, FailureThreshold: 1, SuccessThreshold: 1}
		v, err := d.Add(prober.VMConfig{Name: "web", Probes: []probes.Probe{p}, Tries: 1})
		if err != nil {
			t.Fatal(err)
		}
		v.Bind(&stage{k: k})
		v.ContainerStarted(platform.Container{Instance: 1, Pod: 1})
		if err := k.Run(time.Minute); err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, age := range []time.Duration{time.Hour, 0, 5 * time.Second} {
		quarters = [4]int{}
		for seed := range uint64(n) {
			at := first(seed, age)
			if at < delay || at > delay+2*period {
				t.Fatalf("age %v, seed %d: first attempt at %v", age, seed, at)
			}
			quarters[(at-delay)%period*4/period]++
		}
		for q, count := range quarters {
			if count < n/8 {
				t.Errorf("age %v: quarter %d of the period has %d of %d workers", age, q, count, n)
			}
		}
	}
}

func TestBadConfigs(t *testing.T) {
	if _, err := prober.New(prober.Config{}); err == nil {
		t.Error("a driver without a kernel")
	}
	k := sim.New(1)
	s := &stage{k: k}
	if _, err := prober.New(prober.Config{Kernel: k, Sink: s, Tryer: s, Age: -1}); err == nil {
		t.Error("a prober from the future")
	}
	d, err := prober.New(prober.Config{Kernel: k, Sink: s, Tryer: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(prober.VMConfig{Name: "web", Probes: []probes.Probe{{}}, Tries: 3}); err == nil {
		t.Error("a probe without a period")
	}
}
