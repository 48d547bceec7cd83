//go:build unix

package lockstep_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// counting counts the round trips of all probers.
type counting struct {
	lockstep.Stream
	n *int
}

func (c counting) Exchange(line []byte) ([]byte, error) {
	*c.n++
	return c.Stream.Exchange(line)
}

// BenchmarkRoundTrips plays a long case against a process: each message goes
// out, is answered, checked and acted on, with the world simulated in between.
// Floors: 20 k/s with Python, 30 k/s with Go.
func BenchmarkRoundTrips(b *testing.B) {
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Skip("not run: there is no python3")
	}
	for name, argv := range map[string][]string{
		"go":     {"env", "VIOLATE=", os.Args[0]},
		"python": {python, "../adapters/python/prober.py"},
	} {
		b.Run(name, func(b *testing.B) {
			trips := 0
			start := lockstep.Command{Argv: argv}.Start
			before := cpu(b)
			bed, err := lockstep.New(b.Context(), lockstep.Config{Start: func(ctx context.Context) (lockstep.Stream, error) {
				s, err := start(ctx)
				return counting{s, &trips}, err
			}})
			if err != nil {
				b.Fatal(err)
			}
			c := *cases(b, "guide-http-readiness@kubevirt")[0]
			c.Until = 10 * time.Hour
			for b.Loop() {
				if _, err := bed.Run(b.Context(), &c, 1); err != nil {
					b.Fatal(err)
				}
			}
			wall := b.Elapsed()
			if err := bed.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(trips)/wall.Seconds(), "roundtrips/s")
			b.ReportMetric(float64(trips)/(cpu(b)-before).Seconds(), "roundtrips/cpu-s")
		})
	}
}

// cpu is the processor time of this process and of the children that ended.
// The two sides of the door take turns, so on an idle machine a round trip
// takes about as long as both of them compute.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			tb.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// BenchmarkDecodeReply is the check of the commonest answer.
func BenchmarkDecodeReply(b *testing.B) {
	line := []byte(`{"seq":7,"do":[{"do":"result","id":1,"class":"success"},{"do":"ready","vm":"web","instance":1,"ok":false}],"wakeAtNs":16806787490}`)
	to := &protocol.Request{Seq: 7, Op: protocol.Step, NowNs: 1000}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeReply(line, to); err != nil {
			b.Fatal(err)
		}
	}
}
