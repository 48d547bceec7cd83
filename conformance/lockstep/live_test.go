package lockstep_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// onLoopback is a bed whose guests stand on real sockets.
func onLoopback(t *testing.T, start func(context.Context) (lockstep.Stream, error)) (*lockstep.Bed, error) {
	t.Helper()
	ground, err := loopback.New("test")
	if err != nil {
		t.Fatal(err)
	}
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: start, Ground: ground})
	t.Cleanup(func() {
		if bed != nil {
			_ = bed.Close()
		}
		if err := ground.Close(); err != nil {
			t.Error(err)
		}
	})
	return bed, err
}

// liveCase is a scenario of testdata.
func liveCase(t *testing.T, name string) *scenarios.Case {
	t.Helper()
	return scenariotest.Files(t, filepath.Join("testdata", name+".yaml"))[0]
}

// verdict runs a case in real time. A machine that is too busy to tell ends
// the test.
func verdict(t *testing.T, bed *lockstep.Bed, c *scenarios.Case) judge.Verdict {
	t.Helper()
	tr, err := bed.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	v := judge.Judge(c, tr, judge.Options{})
	if v.Result == judge.Error && strings.HasPrefix(v.Reason, "harness: late by") {
		t.Skip("not run: " + v.Reason)
	}
	return v
}

// TestLive: the reference conforms in real time as a process, every handler of
// a container's probes, with its prober restarted in the middle.
func TestLive(t *testing.T) {
	for _, name := range []string{"short", "restart", "agent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bed, err := onLoopback(t, lockstep.Command{Argv: []string{"env", "VIOLATE=", os.Args[0]}}.Start)
			if err != nil {
				t.Fatal(err)
			}
			if bed.Name() != "loopback" {
				t.Errorf("the testbed is called %s", bed.Name())
			}
			c := liveCase(t, name)
			if why := bed.Unsupported(c); why != "" {
				t.Fatal(why)
			}
			if v := verdict(t, bed, c); v.Result != judge.Pass {
				t.Errorf("%s: %+v", v.Result, v.Failures)
			}
		})
	}
}

// slow is a prober that takes its time over every answer.
type slow struct {
	lockstep.Stream
	by time.Duration
}

func (s slow) Exchange(line []byte) ([]byte, error) {
	time.Sleep(s.by)
	return s.Stream.Exchange(line)
}

// TestASlowProberIsLateItself: the world does not wait for a prober that
// thinks, so its lateness is a verdict about it, and no fault of the harness.
func TestASlowProberIsLateItself(t *testing.T) {
	t.Parallel()
	local := lockstep.Local(func() protocol.Prober { return &reference.Prober{} })
	bed, err := onLoopback(t, func(ctx context.Context) (lockstep.Stream, error) {
		s, err := local(ctx)
		return slow{s, 1700 * time.Millisecond}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, bed, liveCase(t, "short")); v.Result != judge.Fail {
		t.Errorf("%s %s", v.Result, v.Reason)
	}
}

// TestLiveViolators: whatever breaks the protocol in real time is an error as
// it is in virtual time, with what the prober wrote to standard error.
func TestLiveViolators(t *testing.T) {
	c := liveCase(t, "short")
	for _, name := range []string{
		"silence", "crash", "exit 0", "half a line", "garbage", "noise", "two answers", "wrong seq", "past",
		"closes stdout", "unknown try",
	} {
		v, ok := violators[name]
		if !ok {
			t.Fatal(name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := 20 * time.Second // for a process that ends on a busy machine
			if name == "silence" || name == "half a line" {
				patience = 8 * time.Second // the process has to begin first
			}
			command := lockstep.Command{Argv: []string{"env", "VIOLATE=" + name, os.Args[0]}, Timeout: patience}
			bed, err := onLoopback(t, command.Start)
			if err != nil {
				t.Fatal(err)
			}
			_, err = bed.Run(t.Context(), c, 1)
			if !errors.Is(err, protocol.ErrProtocol) {
				t.Fatalf("the error is %v", err)
			}
			for _, want := range v.want {
				want = strings.ReplaceAll(want, "hung", "web")
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// TestLiveLastWord: a prober that falls silent when the case is about to end is
// not let off.
func TestLiveLastWord(t *testing.T) {
	t.Parallel()
	local := lockstep.Local(func() protocol.Prober { return &reference.Prober{} })
	began := time.Now()
	bed, err := onLoopback(t, func(ctx context.Context) (lockstep.Stream, error) {
		s, err := local(ctx)
		return mute{s, began.Add(4 * time.Second)}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bed.Run(t.Context(), liveCase(t, "short"), 1); !errors.Is(err, protocol.ErrProtocol) {
		t.Errorf("the error is %v", err)
	}
}

// mute is a prober that says nothing any more from a moment on.
type mute struct {
	lockstep.Stream
	from time.Time
}

func (m mute) Exchange(line []byte) ([]byte, error) {
	if time.Now().Before(m.from) {
		return m.Stream.Exchange(line)
	}
	time.Sleep(2 * time.Second)
	return nil, &protocol.Violation{What: "silence"}
}

// spinner wants to be woken at once, always.
type spinner struct{ lockstep.Stream }

func (s spinner) Exchange(line []byte) ([]byte, error) {
	var r protocol.Request
	answer, err := s.Stream.Exchange(line)
	if err != nil || json.Unmarshal(line, &r) != nil || r.Op != protocol.Step {
		return answer, err
	}
	return edit(func(m map[string]any) { m["wakeAtNs"] = r.NowNs })(answer), nil
}

// TestLiveLivelock: who keeps the suite busy for nothing is told so.
func TestLiveLivelock(t *testing.T) {
	t.Parallel()
	local := lockstep.Local(func() protocol.Prober { return &reference.Prober{} })
	bed, err := onLoopback(t, func(ctx context.Context) (lockstep.Stream, error) {
		s, err := local(ctx)
		return spinner{s}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bed.Run(t.Context(), liveCase(t, "short"), 1)
	if !errors.Is(err, protocol.ErrProtocol) || !strings.Contains(err.Error(), "livelock: 1000 rounds") {
		t.Errorf("the error is %v", err)
	}
}
