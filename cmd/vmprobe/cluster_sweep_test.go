package main

import (
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// TestPrintSwept: what is not gone is told with what holds it, and is an error if it
// was waited for.
func TestPrintSwept(t *testing.T) {
	list := []kubevirt.Swept{
		{Namespace: "vmprobe-1-1", Case: "a", Fate: kubevirt.Removed, Reason: "it expired"},
		{Namespace: "vmprobe-1-2", Case: "b", Fate: kubevirt.Removing, Reason: "it expired", Holds: []string{"finalizers: kubernetes"}},
	}
	for _, output := range []string{"text", "json"} {
		var out strings.Builder
		if err := printSwept(&out, output, list, 0); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "finalizers: kubernetes") || !strings.Contains(out.String(), "removing") {
			t.Error(out.String())
		}
		if err := printSwept(&out, output, list, time.Minute); err == nil || !strings.Contains(err.Error(), "1 namespaces are not gone after 1m0s") {
			t.Error(err)
		}
	}
}
