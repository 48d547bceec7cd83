package bubble_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// ping speaks to a guest agent over its port: synchronise, then guest-ping, both
// within the timeout.
func ping(ctx context.Context, p *door.Probe, c door.Container, hasty bool) bool {
	conn, err := p.DialAgent(ctx, c.Instance)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(p.Spec.Timeout)); err != nil {
		return false
	}
	id, lines := time.Now().UnixNano(), bufio.NewReader(conn)
	sync := fmt.Sprintf(`{"execute":"guest-sync","arguments":{"id":%d}}`, id)
	return (hasty || command(conn, lines, sync, fmt.Sprint(id))) && command(conn, lines, `{"execute":"guest-ping"}`, "")
}

// command waits for a certain value, past all other replies, or for any.
func command(conn net.Conn, lines *bufio.Reader, line, want string) bool {
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return false
	}
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return false
		}
		var reply struct{ Return, Error json.RawMessage }
		if json.Unmarshal(line, &reply) != nil {
			continue
		}
		switch {
		case want != "" && string(reply.Return) == want, want == "" && reply.Return != nil:
			return true
		case want == "" && reply.Error != nil:
			return false
		}
	}
}

// A Go prober that speaks to the guest agent itself passes by the guide, which
// knows no libvirt in between; without synchronisation it takes a stale reply.
func TestRawAgent(t *testing.T) {
	only := func(c *scenarios.Case) string {
		for i := range c.VMs {
			for _, p := range c.VMs[i].Resolved.Probes {
				if p.Handler != probes.GuestAgentPing {
					return "it knows the agent only"
				}
			}
		}
		return ""
	}
	prober := func(hasty bool) bubble.Bed {
		return bubble.Bed{Lacks: only, Factory: func() door.Prober {
			return door.Containers(vendor{clock: clock.New(), tries: true, hasty: hasty}.probe)
		}}
	}
	list := jobs(t, campaign.Selection{Profiles: []string{"openshift-doc"}}, "guide-agent-ping", "default-agent-ping",
		"agent-byte-by-byte", "agent-error-replies", "agent-events*", "agent-hung*", "agent-reply-after-timeout",
		"agent-stale-reply", "agent-stop-start", "agent-sync-and-ping-waits", "agent-two-replies-at-once", "agent-wrong-sync-id")
	passed, stale := 0, 0
	for _, job := range list {
		if prober(false).Unsupported(job.Case) != "" {
			continue
		}
		if v := judged(t, prober(false), job); v.Result == judge.Pass {
			passed++
		} else {
			t.Errorf("%s: %s %s %s", v.Case, v.Result, v.Reason, first(&v))
		}
		if v := judged(t, prober(true), job); v.Result == judge.Fail {
			stale++
		}
	}
	t.Logf("%d cases pass, %d fail without guest-sync", passed, stale)
	if passed < 15 || stale == 0 {
		t.Error("too few")
	}
}

// The port looks like a socket: deadlines, an end from another goroutine, none
// before there is a domain, the end of the domain.
func TestRawAgentConn(t *testing.T) {
	var errs []error
	var conn net.Conn
	probe := func(ctx context.Context, p *door.Probe) {
		_, err := p.DialAgent(ctx, 1)
		errs = append(errs, err) // the container runs, its domain does not yet
		_, err = p.DialAgent(ctx, 99)
		errs = append(errs, err)
		time.Sleep(30 * time.Second)
		conn, err = p.DialAgent(ctx, 1)
		if err != nil {
			errs = append(errs, err)
			return
		}
		b := make([]byte, 100)
		began := time.Now()
		_ = conn.SetReadDeadline(began.Add(2 * time.Second))
		_, err = conn.Read(b)
		errs = append(errs, err)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("a deadline after %v", took)
		}
		_ = conn.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { conn.Close() })
		_, err = conn.Read(b)
		errs = append(errs, err)
		again, err := p.DialAgent(ctx, 1)
		if err == nil {
			_, err = again.Read(b) // until the domain ends
		}
		errs = append(errs, err)
		<-ctx.Done()
	}
	job := jobs(t, campaign.Selection{Profiles: []string{"kubevirt"}}, "testdata/agent-port.yaml")[0]
	_, err := bubble.Bed{Factory: alone(probe)}.Run(t.Context(), job.Case, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []error{syscall.ENOENT, syscall.ENOENT, os.ErrDeadlineExceeded, net.ErrClosed, io.EOF}
	if len(errs) != len(want) {
		t.Fatalf("errors %v, want %v", errs, want)
	}
	for i := range want {
		if !errors.Is(errs[i], want[i]) {
			t.Errorf("error %d is %v, want %v", i, errs[i], want[i])
		}
	}
}
