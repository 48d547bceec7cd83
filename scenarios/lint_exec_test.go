package scenarios_test

import (
	"fmt"
	"testing"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

const execFile = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain: {devices: {}}
  readinessProbe: {exec: {command: [/bin/true]}, initialDelaySeconds: 10, failureThreshold: 1}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  title: x
  requirements: [THR-FAILURE]
  profiles: [%s]
  until: 300s
  guests:
    web:
      exec: [{replies: [0, 1, 0 ...]}]
      agent: [{reply: ok}, {at: 100s, reply: down}, {at: 150s, reply: ok, as: back}]
  expect:
    web:
      ready: [false, {to: true, in: [back, back + period]}]
`

// TestExecAsksTheAgent: in a VM a command goes by way of the agent, whose
// script is no idle talk then; in a container there is none.
func TestExecAsksTheAgent(t *testing.T) {
	for profile, idle := range map[string]bool{"kubevirt": false, "kubernetes": true, "kubevirt, kubernetes": false} {
		list := loadAndLint("-", []byte(fmt.Sprintf(execFile, profile)), vocabulary)
		if has(list, diag.NotProbed) != idle {
			t.Errorf("%s: idle script is not %v: %v", profile, idle, list)
		}
		if has(list, diag.TwoTimeBases) {
			t.Errorf("%s: the steps of the agent happen by time: %v", profile, list)
		}
	}
}
