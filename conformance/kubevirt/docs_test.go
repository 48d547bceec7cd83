package kubevirt_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// TestReadme: the numbers of the description are those of the code.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Glob(filepath.Join("testdata", "vms", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("At most %d VMs a processor of the nodes run at a time, and 1 case for %d processors boots", kubevirt.VMsPerCPU, kubevirt.CPUsPerBoot),
		fmt.Sprintf("[kubevirt/testdata/vms](kubevirt/testdata/vms) has %d cases", len(cases)),
	} {
		if !strings.Contains(plain, want) {
			t.Errorf("conformance/README.md does not say %q", want)
		}
	}
}
