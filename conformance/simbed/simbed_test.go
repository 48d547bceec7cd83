package simbed_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const manifest = `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        devices: {}
        resources: {requests: {memory: 512Mi}}
      readinessProbe:
        httpGet: {port: 8080, path: /healthz}
        periodSeconds: 10
      livenessProbe:
        guestAgentPing: {}
        periodSeconds: 10
        timeoutSeconds: 5
`

func testCase(t *testing.T) *scenarios.Case {
	t.Helper()
	machines, err := spec.Decode([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	return &scenarios.Case{
		Scenario: "handmade", Profile: profile, Until: 200 * time.Second, ProberAge: time.Hour,
		VMs: []scenarios.VM{{
			Name: "web", Machine: machines[0], Resolved: machines[0].Resolve(profile),
			EveryBoot: fakevm.Program{Endpoints: []fakevm.Endpoint{
				{Kind: fakevm.HTTP, Port: 8080, Steps: []fakevm.Step{
					{At: 0, Replies: []fakevm.Counted{{Reply: fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 200, Body: "ok"}}}}},
				}},
				{Kind: fakevm.Agent, Steps: []fakevm.Step{
					{At: 0, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{}}}}},
					{At: 60 * time.Second, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{Silent: true}}}}},
				}},
			}},
		}},
	}
}

// story keeps what an observer of the VM would tell.
func story(tr *trace.Trace) []string {
	var lines []string
	for _, e := range tr.Events {
		switch e.Kind {
		case trace.Ready, trace.LivenessFailed, trace.VMIPhase, trace.Kill, trace.Restart, trace.Endpoint:
			lines = append(lines, fmt.Sprintf("%v %d %s %s %v", e.T.Round(time.Second), e.Instance, e.Kind, e.Value, e.OK))
		default:
		}
	}
	return lines
}

func TestHungAgentKillsAndTheControllerStartsAgain(t *testing.T) {
	tr, err := simbed.Bed{}.Run(t.Context(), testCase(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0s 1 vmi-phase Scheduled false",
		"0s 1 vmi-phase Running false",
		"13s 1 ready  true",
		"13s 1 endpoint  true",
		"1m29s 1 liveness-failed  false", // three pings of 5 s each, the agent hung at 60 s
		"1m29s 1 kill sigterm false",
		"1m29s 1 kill acpi false",
		"1m31s 1 vmi-phase Succeeded false",
		"1m31s 1 ready GuestNotRunning false",
		"1m32s 1 endpoint  false",
		"1m35s 2 restart  false",
		"1m35s 2 vmi-phase Scheduled false",
		"1m35s 2 vmi-phase Running false",
		"1m49s 2 ready  true",
		"1m49s 2 endpoint  true",
		"3m4s 2 liveness-failed  false", // hung 60 s after the second boot at 1m35s
	}
	if diff := cmp.Diff(want, story(tr)[:len(want)]); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

func TestTheAPIBesideTheWorldChangesNothing(t *testing.T) {
	full, err := simbed.Bed{}.Run(t.Context(), testCase(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := simbed.Bed{Bare: true}.Run(t.Context(), testCase(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	if d := trace.Diff(full, bare); d != nil {
		t.Errorf("first difference: %+v", d)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	write := func(seed uint64) []byte {
		tr, err := simbed.Bed{}.Run(t.Context(), testCase(t), seed)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := trace.Write(&out, tr); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	if !bytes.Equal(write(1), write(1)) {
		t.Error("two runs of one seed differ")
	}
	if bytes.Equal(write(1), write(2)) {
		t.Error("the seed changes nothing: phases are not free")
	}
}

// One fault may begin at the instant at which the one before it ends.
func TestErrorCodesFollowOneAnother(t *testing.T) {
	c := testCase(t)
	c.Until = 60 * time.Second
	c.Faults = []scenarios.Fault{
		{At: 20 * time.Second, For: 15 * time.Second, Kind: scenarios.AgentCode, Sides: []string{"web"}, Code: "INTERNAL_ERROR"},
		{At: 35 * time.Second, For: 10 * time.Second, Kind: scenarios.AgentCode, Sides: []string{"web"}, Code: "AGENT_UNRESPONSIVE"},
	}
	tr, err := simbed.Bed{}.Run(t.Context(), c, 7)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for _, e := range tr.Events {
		if e.Value == "GuestAgentPingFailed" {
			code, _, _ := strings.Cut(e.Msg, ",")
			codes[code]++
		}
	}
	want := map[string]int{"virError(Code=1": 2, "virError(Code=86": 1}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("failed pings by code (-want +got):\n%s", diff)
	}
}
