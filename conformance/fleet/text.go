package fleet

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// shownFailures is how many failing members a summary names.
const shownFailures = 5

// WriteText writes summaries for people.
func WriteText(w io.Writer, summaries []Summary) error {
	var b strings.Builder
	for _, s := range summaries {
		s.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Summary) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %d VMs, %s of VM life, digest %s\n", s.Case, s.VMs, hours(s.Simulated), s.Digest)
	for _, kind := range []string{"readiness", "liveness", "startup"} {
		if c, ok := s.Attempts[kind]; ok {
			fmt.Fprintf(b, "  %-10s %d attempts: %d success, %d warning, %d failure, %d error\n",
				kind, c.Total(), c.Success, c.Warning, c.Failure, c.Error)
		}
	}
	fmt.Fprintf(b, "  first Ready after  %s\n", s.ReadyAfter)
	fmt.Fprintf(b, "  later not Ready    %s\n", s.NotReady)
	fmt.Fprintf(b, "  never Ready        %d VMs\n  restarts           %d\n  verdicts          ", s.NeverReady, s.Restarts)
	for _, r := range judge.Results() {
		if n := s.Results[r]; n > 0 {
			fmt.Fprintf(b, " %d %s", n, r)
		}
	}
	b.WriteByte('\n')
	for i, v := range s.Failed {
		if i == shownFailures {
			fmt.Fprintf(b, "  ... and %d more\n", s.Members-s.Results[judge.Pass]-i)
			break
		}
		fmt.Fprintf(b, "  %s %s\n    %s\n", v.Result, firstReason(v), v.Replay())
	}
}

func firstReason(v judge.Verdict) string {
	if len(v.Failures) > 0 {
		return v.Failures[0].Requirement + ": " + v.Failures[0].Message
	}
	return v.Reason
}

// String gives "min 13.2s, half 17.9s, 99 % 22.8s, max 23.0s".
func (p Percentiles) String() string {
	return fmt.Sprintf("min %s, half %s, 99 %% %s, max %s", tenths(p.Min), tenths(p.P50), tenths(p.P99), tenths(p.Max))
}

func tenths(d time.Duration) string {
	return fmt.Sprintf("%d.%ds", int64(d/time.Second), int64(d%time.Second)/int64(100*time.Millisecond))
}

func hours(d time.Duration) string {
	if d < time.Hour {
		return d.String()
	}
	return fmt.Sprintf("%d h", int64(d/time.Hour))
}
