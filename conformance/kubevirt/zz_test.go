package kubevirt_test

import (
	"testing"
	"sort"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"k8s.io/client-go/kubernetes/fake"
)

func TestZZ(t *testing.T) {
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewSimpleClientset()})
	why := map[string]int{}
	n := 0
	for _, c := range scenariotest.Embedded(t, "*", "kubevirt") {
		w := bed.Unsupported(c)
		if w == "" {
			n++
			t.Log(c.ID(), c.Until)
		}
		for _, x := range strings.Split(w, "; ") {
			why[x]++
		}
	}
	var keys []string
	for k := range why { keys = append(keys, k) }
	sort.Slice(keys, func(i, j int) bool { return why[keys[i]] > why[keys[j]] })
	for _, k := range keys[:30] { t.Log(why[k], k) }
	t.Log(n)
}
