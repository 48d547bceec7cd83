// Command clustermods writes the modules that the programs of a cluster are
// built from (package conformance/cluster/binaries): kube.mod and runtime.mod
// with their sums. Kubernetes' staging modules are replaced by their releases,
// as its own go.mod lists them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

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
	replaces, err := staging()
	if err != nil {
		return err
	}
	kube := append(binaries.ControlPlane().Programs, binaries.Node().Programs...)
	if err := write(dir, "kube", "go 1.24.0\n\ngodebug default=go1.24", kube, []string{
		"go.etcd.io/etcd/server/v3 " + binaries.Etcd, "k8s.io/kubernetes " + binaries.Kubernetes,
	}, replaces); err != nil {
		return err
	}
	return write(dir, "runtime", "go 1.26.0", binaries.Runtime().Programs, []string{
		"github.com/containerd/containerd/v2 " + binaries.Containerd, "github.com/containernetworking/plugins " + binaries.CNI,
	}, nil)
}

// staging gives the replace lines for Kubernetes' own modules: v1.34.4 of
// Kubernetes goes with v0.34.4 of these.
func staging() ([]string, error) {
	text, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes@"+binaries.Kubernetes).Output()
	if err != nil {
		return nil, fmt.Errorf("download k8s.io/kubernetes: %w\n%s", err, text)
	}
	var module struct{ GoMod string }
	if err := json.Unmarshal(text, &module); err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(module.GoMod)
	if err != nil {
		return nil, err
	}
	version := "v0" + strings.TrimPrefix(binaries.Kubernetes, "v1")
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\s*(\S+) => \./staging/`).FindAllStringSubmatch(string(mod), -1) {
		out = append(out, fmt.Sprintf("%s => %s %s", m[1], m[1], version))
	}
	if len(out) < 20 {
		return nil, fmt.Errorf("only %d staging modules in %s", len(out), module.GoMod)
	}
	return out, nil
}

// write makes a module, lets go mod tidy fill it in, and copies it to dir.
func write(dir, name, version string, programs []binaries.Program, requires, replaces []string) error {
	work, err := os.MkdirTemp("", "clustermods")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	module := "github.com/vmprobe/vmprobe/" + name
	var tools []string
	for _, p := range programs {
		if !strings.HasPrefix(p.Package, module+"/") { // a source of our own needs the standard library alone
			tools = append(tools, p.Package)
		}
	}
	slices.Sort(tools)
	text := "module " + module + "\n\n" + version + "\n\n" + block("tool", tools) + block("require", requires)
	if len(replaces) > 0 {
		text += block("replace", replaces)
	}
	if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir, cmd.Env = work, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod tidy of %s: %w\n%s", name, err, out)
	}
	for from, to := range map[string]string{"go.mod": name + ".mod", "go.sum": name + ".sum"} {
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
