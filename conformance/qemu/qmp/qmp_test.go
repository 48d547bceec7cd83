package qmp_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/qmp"
)

// serve plays QEMU: it answers each line that contains a key.
func serve(t *testing.T, answers map[string]string) net.Conn {
	t.Helper()
	mine, theirs := net.Pipe()
	go func() {
		_, _ = mine.Write([]byte(`{"QMP": {"version": {}}}` + "\n"))
		lines := bufio.NewScanner(mine)
		for lines.Scan() {
			for key, answer := range answers {
				if !strings.Contains(lines.Text(), key) {
					continue
				}
				if answer == "" {
					_ = mine.Close()
					return
				}
				_, _ = mine.Write([]byte(answer + "\n"))
			}
		}
	}()
	t.Cleanup(func() { _ = mine.Close() })
	return theirs
}

func TestClient(t *testing.T) {
	events := make(chan qmp.Event, 1)
	c, err := qmp.New(t.Context(), serve(t, map[string]string{
		"qmp_capabilities": `{"return": {}}`,
		"query-status":     `{"event": "STOP", "data": {"a": 1}}` + "\n" + `{"return": {"status": "paused"}}`,
		"nonsense":         `{"error": {"class": "CommandNotFound", "desc": "no such command"}}`,
		"die":              "",
	}), func(e qmp.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	if data, err := c.Run(t.Context(), "query-status", nil); err != nil || string(data) != `{"status": "paused"}` {
		t.Errorf("%s %v", data, err)
	}
	if e := <-events; e.Name != "STOP" || string(e.Data) != `{"a": 1}` {
		t.Errorf("%+v", e)
	}
	refused := (*qmp.Error)(nil)
	if _, err := c.Run(t.Context(), "nonsense", nil); !errors.As(err, &refused) || refused.Class != "CommandNotFound" {
		t.Errorf("%v", err)
	}
	if _, err := c.Run(t.Context(), "die", nil); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("%v", err)
	}
	<-c.Gone()
	if _, err := c.Run(t.Context(), "query-status", nil); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestSilence: a QEMU that does not answer is given up.
func TestSilence(t *testing.T) {
	c, err := qmp.New(t.Context(), serve(t, map[string]string{"qmp_capabilities": `{"return": {}}`}), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Run(ctx, "stop", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
