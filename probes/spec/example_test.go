package spec_test

import (
	"fmt"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

func Example() {
	machines, err := spec.Decode([]byte(`
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  template:
    spec:
      domain: {}
      livenessProbe:
        httpGet: {port: 1500, path: /healthz}
        initialDelaySeconds: 120
        periodSeconds: 20
        timeoutSeconds: 10
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	r := machines[0].Resolve(profile)
	b := bounds.Of(r.Probes[0], profile)
	fmt.Println("rejected:", r.Rejected())
	fmt.Println("first attempt:", b.First.Lo, "to", b.First.Hi)
	for _, f := range b.Faults {
		fmt.Printf("%s: %v, detected %v, %v to %v\n", f.Mode, f.Class, f.Detected, f.Detect.Lo, f.Detect.Hi)
	}
	// Output:
	// rejected: false
	// first attempt: 2m10s to 2m30s
	// hang: failure, detected true, 50s to 1m10s
	// blackhole: failure, detected true, 50s to 1m10s
	// refusal: failure, detected true, 40s to 1m0s
	// badStatus: failure, detected true, 40s to 1m0s
	// bodyStall: error, detected false, 0s to 0s
}
