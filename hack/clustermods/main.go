// Command clustermods writes the modules that the programs of a cluster are
// built from (package conformance/cluster/binaries): kube.mod, runtime.mod and
// kubevirt.mod with their sums. The staging modules of Kubernetes and of KubeVirt
// are replaced by their releases, as their own go.mod lists them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

func main() {
	dir := flag.String("o", "conformance/cluster/binaries", "write to this `folder`")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "clustermods:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	kubernetes, err := replaced("k8s.io/kubernetes", binaries.Kubernetes)
	if err != nil {
		return err
	}
	kube := binaries.ControlPlane()
	kube.Programs = append(kube.Programs, binaries.Node().Programs...)
	if err := write(dir, &kube, "go 1.24.0\n\ngodebug default=go1.24", []string{
		"go.etcd.io/etcd/server/v3 " + binaries.Etcd, "k8s.io/kubernetes " + binaries.Kubernetes,
	}, kubernetes); err != nil {
		return err
	}
	runtime := binaries.Runtime()
	if err := write(dir, &runtime, "go 1.26.0", []string{
		"github.com/containerd/containerd/v2 " + binaries.Containerd, "github.com/containernetworking/plugins " + binaries.CNI,
	}, nil); err != nil {
		return err
	}
	kubevirt, err := replaced(binaries.KubeVirtModule, binaries.KubeVirt)
	if err != nil {
		return err
	}
	for _, a := range binaries.Absent() {
		kubevirt = append(kubevirt, a.Path+" => ./"+a.Folder)
	}
	set := binaries.KubeVirtSet()
	return write(dir, &set, "go 1.26.0", []string{binaries.KubeVirtModule + " " + binaries.KubeVirt}, append(kubevirt,
		// The releases that its go.mod names have no entry in the checksum database.
		"github.com/rhobs/operator-observability-toolkit => github.com/rhobs/operator-observability-toolkit v0.0.29",
		"libvirt.org/go/libvirt => libvirt.org/go/libvirt v1.11010.0",
	))
}

// replaced gives the replace lines of a module's own go.mod. Its staging modules
// are replaced by their releases: v0.34.4 goes with v1.34.4 of Kubernetes, and
// v1.8.4 with v1.8.4 of KubeVirt.
func replaced(module, version string) ([]string, error) {
	text, err := exec.Command("go", "mod", "download", "-json", module+"@"+version).Output()
	if err != nil {
		return nil, fmt.Errorf("download %s: %w\n%s", module, err, text)
	}
	var found struct{ GoMod string }
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(found.GoMod)
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(found.GoMod, data, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range mod.Replace {
		path, as := r.New.Path, r.New.Version
		if strings.HasPrefix(path, "./") {
			path, as = r.Old.Path, version
			if module == "k8s.io/kubernetes" {
				as = "v0" + strings.TrimPrefix(version, "v1")
			}
		}
		out = append(out, fmt.Sprintf("%s => %s %s", r.Old.Path, path, as))
	}
	if len(out) < 20 {
		return nil, fmt.Errorf("only %d replaced modules in %s", len(out), found.GoMod)
	}
	return out, nil
}

// write makes a module, lets go mod tidy fill it in, and copies it to dir.
func write(dir string, set *binaries.Set, version string, requires, replaces []string) error {
	work, err := os.MkdirTemp("", "clustermods")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	module := "github.com/vmprobe/vmprobe/" + set.Name
	var tools []string
	for _, p := range set.Programs {
		if !strings.HasPrefix(p.Package, module+"/") && !strings.HasSuffix(p.Package, ".c") {
			tools = append(tools, p.Package)
		}
	}
	slices.Sort(tools)
	text := "module " + module + "\n\n" + version + "\n\n" + block("tool", tools) + block("require", requires)
	if len(replaces) > 0 {
		text += block("replace", replaces)
	}
	if err := set.WriteSources(work); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir, cmd.Env = work, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy of %s: %w\n%s", set.Name, err, out)
	}
	for from, to := range map[string]string{"go.mod": set.Name + ".mod", "go.sum": set.Name + ".sum"} {
		data, err := os.ReadFile(filepath.Join(work, from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func block(what string, lines []string) string {
	return what + " (\n\t" + strings.Join(lines, "\n\t") + "\n)\n\n"
}
