package release

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The objects of a release, in short.
var (
	//go:embed testdata/operator.yaml
	operator string
	//go:embed testdata/object.yaml
	object string
)

func files(t *testing.T, texts ...string) []string {
	t.Helper()
	var out []string
	for i, text := range texts {
		name := filepath.Join(t.TempDir(), string(rune('a'+i))+".yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

func emulated(t *testing.T, r *Release) bool {
	t.Helper()
	objects, err := r.prepared()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range objects {
		if u.GetKind() == "KubeVirt" {
			on, _, _ := unstructured.NestedBool(u.Object, "spec", "configuration", "developerConfiguration", "useEmulation")
			return on
		}
	}
	t.Fatal("no KubeVirt")
	return false
}

// TestEmulate: KubeVirt is told to emulate when there is no KVM, and the rest of
// its object stays.
func TestEmulate(t *testing.T) {
	r, err := Parse([]byte(operator + "---\n" + object))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != "v1.6.0" {
		t.Error(r.Version)
	}
	for _, want := range []bool{false, true} {
		if r.Emulate = want; emulated(t, r) != want {
			t.Errorf("emulation: want %t", want)
		}
		if got := claims(t, r); got != want {
			t.Errorf("a share of the processors is asked for: %t, want %t", got, want)
		}
	}
}

// claims tells whether each component asks for its share, beside what the object had
// changed already.
func claims(t *testing.T, r *Release) bool {
	t.Helper()
	objects, err := r.prepared()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, u := range objects {
		patches, _, err := unstructured.NestedSlice(u.Object, "spec", "customizeComponents", "patches")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range patches {
			p := p.(map[string]any)
			said = append(said, fmt.Sprint(p["resourceType"], " ", p["resourceName"], " ", p["patch"]))
		}
	}
	all := strings.Join(said, "\n")
	if !strings.Contains(all, "Deployment virt-operator {}") {
		t.Errorf("what the object changed is lost: %s", all)
	}
	return strings.Contains(all, `DaemonSet virt-handler {"spec":{"template":{"spec":{"containers":[{"name":"virt-handler","resources":{"requests":{"cpu":"200m"}}}]}}}}`) && len(said) == 4
}

// TestManifests: everything that is wrong is told at once, with the file.
func TestManifests(t *testing.T) {
	if _, err := Read(files(t, operator)); err == nil || !strings.Contains(err.Error(), "kubevirt-cr.yaml") {
		t.Error(err)
	}
	_, err := Read(append(files(t, "kind: Deployment\n", "a: [\n"), "absent.yaml"))
	for _, want := range []string{"a.yaml: document 1: no object", "b.yaml: document 1", "absent.yaml"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}
