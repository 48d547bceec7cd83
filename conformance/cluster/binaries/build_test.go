package binaries

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// small is a set that is built in a moment.
func small(source string) Set {
	return Set{
		Name: "small", mod: []byte("module example.test/small\n\ngo 1.24\n"), ldflags: "-s -w",
		sources:  map[string][]byte{"hello/main.go": []byte(source)},
		Programs: []Program{{"hello", "example.test/small/hello"}},
	}
}

const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

// cache gives the test a cache of its own, and keeps Go's.
func cache(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

// TestBuild: what is missing is built once, is found then, and runs.
func TestBuild(t *testing.T) {
	cache(t)
	set := small(hello)
	if _, err := Find(t.Context(), set); !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "hello") {
		t.Fatalf("before the build: %v", err)
	}
	var told []string
	tell := func(what string, _ time.Duration) { told = append(told, what) }
	dirs, err := Build(t.Context(), tell, set)
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || told[0] != "build hello (1 of 1)" {
		t.Errorf("told: %q", told)
	}
	if out, err := exec.Command(filepath.Join(dirs["small"], "hello")).CombinedOutput(); string(out) != "hello\n" {
		t.Errorf("it says %q: %v", out, err)
	}
	told = nil
	if _, err := Build(t.Context(), tell, set); err != nil || len(told) > 0 {
		t.Errorf("a second build: %q %v", told, err)
	}
}

// TestBuildFails: the compiler's words are in the error, and nothing half made
// is found.
func TestBuildFails(t *testing.T) {
	cache(t)
	set := small("package main\n\nfunc main() { nothing() }\n")
	_, err := Build(t.Context(), func(string, time.Duration) {}, set)
	if err == nil || !strings.Contains(err.Error(), "undefined: nothing") {
		t.Error(err)
	}
	if _, err := Find(t.Context(), set); !errors.Is(err, ErrNotBuilt) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, func(string, time.Duration) {}, small(hello)); err == nil {
		t.Error("a build that is interrupted before it begins succeeds")
	}
}

// TestNoGo: who has no toolchain is told to install one.
func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(t.Context(), func(string, time.Duration) {}, small(hello)); !errors.Is(err, ErrNoGo) {
		t.Error(err)
	}
}

// TestKey: whatever changes a program changes its place in the cache.
func TestKey(t *testing.T) {
	base := small(hello)
	seen := map[string]string{base.key("go1"): "the base"}
	for what, change := range map[string]func(*Set){
		"mod":     func(s *Set) { s.mod = append(s.mod, '\n') },
		"sum":     func(s *Set) { s.sum = []byte("x") },
		"tags":    func(s *Set) { s.tags = "x" },
		"ldflags": func(s *Set) { s.ldflags = "x" },
		"sources": func(s *Set) { s.sources = map[string][]byte{"hello/main.go": []byte("x")} },
	} {
		s := small(hello)
		change(&s)
		k := s.key("go1")
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", what, other)
		}
		seen[k] = what
	}
	if _, ok := seen[base.key("go2")]; ok {
		t.Error("another Go version has the same key")
	}
}

// TestModules: the embedded modules have the versions that are told.
func TestModules(t *testing.T) {
	for _, c := range []struct {
		set   Set
		wants []string
	}{
		{ControlPlane(), []string{"k8s.io/kubernetes " + Kubernetes, "go.etcd.io/etcd/server/v3 " + Etcd, "k8s.io/api => k8s.io/api v0" + strings.TrimPrefix(Kubernetes, "v1")}},
		{Runtime(), []string{"github.com/containerd/containerd/v2 " + Containerd, "github.com/containernetworking/plugins " + CNI}},
	} {
		for _, want := range c.wants {
			if !strings.Contains(string(c.set.mod), want) {
				t.Errorf("%s.mod has no %q: run go run ./hack/clustermods", c.set.Name, want)
			}
		}
		if len(c.set.sum) < 1000 {
			t.Errorf("%s.sum is empty", c.set.Name)
		}
	}
	if !strings.Contains(ControlPlane().ldflags, "gitMinor=34 ") {
		t.Error(ControlPlane().ldflags)
	}
}
