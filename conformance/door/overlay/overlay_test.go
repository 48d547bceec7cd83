package overlay

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TCP is taken, within the earliest of the limits of dialer and context; a unix
// socket is left alone; anything else is refused.
func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mute := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, os.ErrDeadlineExceeded
		}
		for name, tt := range map[string]struct {
			timeout, deadline, ctx, want time.Duration
		}{
			"timeout":  {2 * time.Second, time.Hour, time.Hour, 2 * time.Second},
			"deadline": {time.Hour, time.Minute, 5 * time.Hour, time.Minute},
			"context":  {0, 0, 7 * time.Second, 7 * time.Second},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), tt.ctx)
			began := time.Now()
			d := net.Dialer{Timeout: tt.timeout}
			if tt.deadline > 0 {
				d.Deadline = began.Add(tt.deadline)
			}
			_, taken, err := take(ctx, &d, "tcp", "10.0.0.1:80", mute)
			if took := time.Since(began); !taken || !errors.Is(err, os.ErrDeadlineExceeded) || took != tt.want {
				t.Errorf("%s: taken %t, error %v after %v, want %v", name, taken, err, took, tt.want)
			}
			cancel()
		}
		if _, taken, err := take(t.Context(), &net.Dialer{}, "unix", "/run/x", mute); taken || err != nil {
			t.Errorf("unix: taken %t, error %v", taken, err)
		}
		if _, taken, err := take(t.Context(), &net.Dialer{}, "udp", "10.0.0.1:53", mute); !taken || err == nil || !strings.Contains(err.Error(), "only TCP") {
			t.Errorf("udp: taken %t, error %v", taken, err)
		}
	})
}
