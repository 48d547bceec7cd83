package truth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
)

type agentShape struct {
	name string
	r    fakevm.AgentReply
}

// agentShapes is every behaviour of the agent that a ping can meet.
func agentShapes() []agentShape {
	ms, s := time.Millisecond, time.Second
	return []agentShape{
		{"ok", fakevm.AgentReply{}},
		{"hung", fakevm.AgentReply{Silent: true}},
		{"error", fakevm.AgentReply{ErrorClass: "GenericError"}},
		{"late", fakevm.AgentReply{Delay: 900 * ms}},
		{"after 1.5 s", fakevm.AgentReply{Delay: 1500 * ms}},
		{"after 2.5 s", fakevm.AgentReply{Delay: 2500 * ms}},
		{"after 4.9 s", fakevm.AgentReply{Delay: 4900 * ms}},
		{"after 5.1 s", fakevm.AgentReply{Delay: 5100 * ms}},
		{"late error", fakevm.AgentReply{Delay: 900 * ms, ErrorClass: "X"}},
		{"slow sync", fakevm.AgentReply{SyncDelay: 700 * ms}},
		{"slow sync and reply", fakevm.AgentReply{SyncDelay: 3 * s, Delay: 3 * s}},
		{"too slow sync", fakevm.AgentReply{SyncDelay: 6 * s}},
		{"wrong sync id", fakevm.AgentReply{WrongSyncID: true}},
		{"no sync", fakevm.AgentReply{SyncSilent: true}},
		{"garbage", fakevm.AgentReply{Raw: "garbage\n"}},
		{"garbage first", fakevm.AgentReply{Before: "garbage\n"}},
		{"no object", fakevm.AgentReply{Raw: "[1]\n"}},
		{"neither return nor error", fakevm.AgentReply{Raw: "{\"x\": 1}\n"}},
		{"empty line", fakevm.AgentReply{Raw: "\n"}},
		{"partial", fakevm.AgentReply{Raw: `{"return": {`}},
		{"events first", fakevm.AgentReply{Before: "{\"event\": \"X\"}\n", Repeat: 5}},
		{"an event only", fakevm.AgentReply{Raw: "{\"event\": \"X\"}\n"}},
		{"return, then error", fakevm.AgentReply{Raw: "{\"return\": {}}\n{\"error\": {\"class\": \"X\", \"desc\": \"\"}}\n"}},
		{"error, then return", fakevm.AgentReply{Raw: "{\"error\": {\"class\": \"X\", \"desc\": \"\"}}\n{\"return\": {}}\n"}},
		{"any value", fakevm.AgentReply{Value: "[1,2]"}},
		{"byte by byte", fakevm.AgentReply{ChunkBytes: 1, ChunkEvery: 10 * ms}},
		{"byte by byte, too slow", fakevm.AgentReply{ChunkBytes: 1, ChunkEvery: s}},
		{"in pieces", fakevm.AgentReply{ChunkBytes: 4}},
		{"11 MiB", fakevm.AgentReply{RawBytes: 11 << 20}},
		{"1 KiB without a newline", fakevm.AgentReply{RawBytes: 1 << 10}},
		{"crash", fakevm.AgentReply{Silent: true, Disconnect: true}},
		{"crash in a reply", fakevm.AgentReply{Raw: `{"ret`, Disconnect: true, Delay: 100 * ms}},
		{"crash after the reply", fakevm.AgentReply{Disconnect: true}},
		{"down", fakevm.AgentReply{Down: true}},
	}
}

var syncNames = map[truth.SyncState]string{truth.OutOfSync: "out of sync", truth.InSync: "in sync"}

// TestAgentTruth: guest-ping in every profile that has it.
func TestAgentTruth(t *testing.T) {
	datadriven.RunTest(t, "testdata/agent", func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		var b strings.Builder
		prof := profile(probes.ProfileName(d.CmdArgs[0].Key))
		var seconds int64
		d.ScanArgs(t, "timeout", &seconds)
		p := &probes.Probe{Handler: probes.GuestAgentPing, Timeout: time.Duration(seconds) * time.Second}
		for _, s := range agentShapes() {
			for _, sync := range []truth.SyncState{truth.OutOfSync, truth.InSync} {
				a := truth.Answer{Kind: fakevm.Agent, Reply: &fakevm.Reply{Agent: &s.r}, Sync: sync}
				name := s.name + ", " + syncNames[sync]
				v, ok := truth.Of(p, prof, a, truth.Simulated())
				if s.r.Down && sync == truth.InSync {
					continue // down means disconnected
				}
				t.Run(name, func(t *testing.T) { check(t, p, prof, a) })
				fmt.Fprintln(&b, row(name, v, ok))
			}
		}
		return b.String()
	})
}

type execShape struct {
	name  string
	r     *fakevm.ExecReply
	agent *fakevm.AgentReply
	argv  []string
}

func execShapes() []execShape {
	ms, s := time.Millisecond, time.Second
	return []execShape{
		{"exit 0", &fakevm.ExecReply{}, nil, nil},
		{"exit 1", &fakevm.ExecReply{Exit: 1}, nil, nil},
		{"exit 255", &fakevm.ExecReply{Exit: 255}, nil, nil},
		{"exit 256", &fakevm.ExecReply{Exit: 256}, nil, nil},
		{"killed", &fakevm.ExecReply{Signal: 9}, nil, nil},
		{"missing", &fakevm.ExecReply{Missing: true}, nil, nil},
		{"not scripted", nil, nil, nil},
		{"hangs", &fakevm.ExecReply{Hang: true}, nil, nil},
		{"exits at 0.25 T", &fakevm.ExecReply{After: 500 * ms}, nil, nil},
		{"exits at 0.93 T", &fakevm.ExecReply{After: 1860 * ms}, nil, nil},
		{"exits at 1.02 T", &fakevm.ExecReply{After: 2040 * ms}, nil, nil},
		{"exits 1 at 1.5 T", &fakevm.ExecReply{After: 3 * s, Exit: 1}, nil, nil},
		{"output", &fakevm.ExecReply{Output: "fine\n"}, nil, nil},
		{"20 KiB of output", &fakevm.ExecReply{OutputBytes: 20 << 10}, nil, nil},
		{"11 MiB of output", &fakevm.ExecReply{OutputBytes: 11 << 20}, nil, nil},
		{"bad base64", &fakevm.ExecReply{OutputRaw: "%%%"}, nil, nil},
		{"the right argv", &fakevm.ExecReply{Require: []string{"/bin/check", "a b"}}, nil, []string{"/bin/check", "a b"}},
		{"the wrong argv", &fakevm.ExecReply{Require: []string{"/bin/other"}}, nil, nil},
		{"a quote in argv", &fakevm.ExecReply{}, nil, []string{"/bin/check", `say "hi"`}},
		{"a backslash in argv", &fakevm.ExecReply{Require: []string{"/bin/check", `a\nb`}}, nil, []string{"/bin/check", `a\nb`}},
		{
			"rendered already", &fakevm.ExecReply{Require: []string{"/bin/check", "-q"}}, nil,
			[]string{"virt-probe", "--domainName", "ns_vm", "--timeoutSeconds", "9", "--command", "/bin/check", "--", "-q"},
		},
		{
			"rendered already, hangs", &fakevm.ExecReply{Hang: true}, nil,
			[]string{"virt-probe", "--domainName", "ns_vm", "--timeoutSeconds=1", "--command=/bin/check"},
		},
		{"slow agent", &fakevm.ExecReply{After: 500 * ms}, &fakevm.AgentReply{Delay: 700 * ms}, nil},
		{"hung agent", &fakevm.ExecReply{}, &fakevm.AgentReply{Silent: true}, nil},
		{"agent error", &fakevm.ExecReply{}, &fakevm.AgentReply{ErrorClass: "X"}, nil},
		{"agent down", &fakevm.ExecReply{}, &fakevm.AgentReply{Down: true}, nil},
	}
}

// TestExecTruth: exec in a guest and in a container.
func TestExecTruth(t *testing.T) {
	datadriven.RunTest(t, "testdata/exec", func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		var b strings.Builder
		prof := profile(probes.ProfileName(d.CmdArgs[0].Key))
		var seconds int64
		d.ScanArgs(t, "timeout", &seconds)
		for _, s := range execShapes() {
			if !prof.VM && s.agent != nil {
				continue
			}
			p := &probes.Probe{Handler: probes.Exec, Timeout: time.Duration(seconds) * time.Second, Command: []string{"/bin/check"}}
			if s.argv != nil {
				p.Command = s.argv
			}
			a := truth.Answer{Kind: fakevm.Exec, Sync: truth.OutOfSync}
			if s.r != nil {
				a.Reply = &fakevm.Reply{Exec: s.r}
			}
			if s.agent != nil {
				a.Agent = &fakevm.Reply{Agent: s.agent}
			}
			v, ok := truth.Of(p, prof, a, truth.Simulated())
			t.Run(s.name, func(t *testing.T) { check(t, p, prof, a) })
			fmt.Fprintln(&b, row(s.name, v, ok))
		}
		return b.String()
	})
}

// TestTCPTruth is semantics 1.5.
func TestTCPTruth(t *testing.T) {
	p := &probes.Probe{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: probes.Port{Number: 80}}}
	prof := profile(probes.KubeVirt)
	for _, tc := range []struct {
		name  string
		a     truth.Answer
		class string
		took  time.Duration
		exact bool
	}{
		{"nothing", truth.Answer{Kind: fakevm.TCP}, "F", 500 * time.Microsecond, true},
		{"silent", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{}}, "S", 500 * time.Microsecond, true},
		{"unaccepted", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{Connect: fakevm.Unaccepted}}, "S", 500 * time.Microsecond, true},
		{"RST after accept", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndReset}}}, "S", 500 * time.Microsecond, true},
		{"FIN after banner", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{TCP: &fakevm.TCPReply{End: fakevm.EndFIN, Banner: "x"}}}, "S", 500 * time.Microsecond, true},
		{"TLS server", truth.Answer{Kind: fakevm.HTTPS, Reply: h(fakevm.HTTPReply{Status: 500})}, "S", 500 * time.Microsecond, true},
		{"silent HTTP server", truth.Answer{Kind: fakevm.HTTP, Reply: h(fakevm.HTTPReply{Silent: true})}, "S", 500 * time.Microsecond, true},
		{"blackhole", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{Connect: fakevm.Blackhole}}, "F", time.Second, true},
		{"late", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{ConnectDelay: 700 * time.Millisecond}}, "S", 700500 * time.Microsecond, true},
		{"too late", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{ConnectDelay: 1700 * time.Millisecond}}, "F", time.Second, true},
		{"backlog", truth.Answer{Kind: fakevm.TCP, Reply: &fakevm.Reply{TCP: &fakevm.TCPReply{Backlog: 1}}}, "SF", 500 * time.Microsecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, _, _ := check(t, p, prof, tc.a)
			if v.Classes.String() != tc.class || v.Min != tc.took || v.Exact != tc.exact {
				t.Errorf("got %s %s exact=%v, want %s %s exact=%v", v.Classes, v.Min, v.Exact, tc.class, tc.took, tc.exact)
			}
		})
	}
}

// TestUnresolvedPorts: an error of the prober itself, whatever the guest does.
func TestUnresolvedPorts(t *testing.T) {
	for _, port := range []probes.Port{{Name: "web"}, {Number: -1}, {Number: 65536}} {
		for _, p := range []*probes.Probe{
			{Handler: probes.HTTPGet, Timeout: time.Second, HTTP: probes.HTTPRequest{Port: port, Path: "/"}},
			{Handler: probes.TCPSocket, Timeout: time.Second, TCP: probes.TCPTarget{Port: port}},
		} {
			v, _, _ := check(t, p, profile(probes.Kubernetes), truth.Answer{Kind: fakevm.HTTP, Reply: &fakevm.Reply{}})
			if v.Classes.String() != "E" || v.Counts() != truth.Discarded {
				t.Errorf("%+v: %s, %s", port, v.Classes, v.Counts())
			}
			if a := v.Attempt(3); a.Max != 0 || !a.Exact {
				t.Errorf("three such tries take %s", a.Max)
			}
		}
	}
}

// TestSyncUnknown joins both states of the channel.
func TestSyncUnknown(t *testing.T) {
	p := &probes.Probe{Handler: probes.GuestAgentPing, Timeout: time.Second}
	ask := func(r fakevm.AgentReply, s truth.SyncState) truth.Verdict {
		v, ok := truth.Of(p, profile(probes.KubeVirt), truth.Answer{Kind: fakevm.Agent, Reply: &fakevm.Reply{Agent: &r}, Sync: s}, truth.Simulated())
		if !ok {
			t.Fatal("undecided")
		}
		return v
	}
	v := ask(fakevm.AgentReply{}, truth.SyncUnknown)
	if v.Classes.String() != "S" || v.Min != 100*time.Microsecond || v.Max != 200*time.Microsecond || v.Exact {
		t.Errorf("healthy: %+v", v)
	}
	v = ask(fakevm.AgentReply{SyncSilent: true}, truth.SyncUnknown)
	if v.Classes.String() != "SF" || v.Counts() != truth.Depends {
		t.Errorf("no sync: %+v", v)
	}
	if v = ask(fakevm.AgentReply{}, truth.Broken); v.Classes.String() != "F" || v.Max != 0 {
		t.Errorf("broken: %+v", v)
	}
}

// TestUndecided keeps the set of what truth cannot say small and known.
func TestUndecided(t *testing.T) {
	model := truth.Simulated()
	model.Address = "10.0.0.1"
	for location, decided := range map[string]bool{
		"/next": false, "http://10.0.0.1:81/x": false, "https://10.0.0.1/x": false, "//10.0.0.1/": false,
		"http://10.0.0.2/x": true, "mailto:x": true, "http://[::bad/": true,
	} {
		r := h(fakevm.HTTPReply{Status: 302, Headers: []probes.Header{{Name: "Location", Value: location}}})
		if _, ok := truth.Of(httpProbe("HTTP"), profile(probes.Kubernetes), truth.Answer{Kind: fakevm.HTTP, Reply: r}, model); ok != decided {
			t.Errorf("Location %s: decided %v", location, ok)
		}
	}
	if _, ok := truth.Of(&probes.Probe{}, profile(probes.Kubernetes), truth.Answer{}, model); ok {
		t.Error("a probe without a handler is decided")
	}
}

// TestAttempt: errors are tried again, failures are not.
func TestAttempt(t *testing.T) {
	one, _ := truth.Of(httpProbe("HTTP"), profile(probes.Kubernetes), truth.Answer{
		Kind: fakevm.HTTP, Reply: h(fakevm.HTTPReply{Status: 500, Body: "x", StallAfter: new(int64(0))}),
	}, truth.Simulated())
	if a := one.Attempt(3); a.Min != 3*time.Second || a.Max != 3*time.Second || !a.Exact || a.Counts() != truth.Discarded {
		t.Errorf("stalled body: %+v", a)
	}
	one, _ = truth.Of(httpProbe("HTTP"), profile(probes.Kubernetes), truth.Answer{
		Kind: fakevm.HTTP, Reply: h(fakevm.HTTPReply{Silent: true}),
	}, truth.Simulated())
	if a := one.Attempt(3); a.Max != time.Second || a.Counts() != truth.Fails {
		t.Errorf("silent: %+v", a)
	}
}
