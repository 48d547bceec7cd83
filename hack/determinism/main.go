// Command determinism runs every embedded scenario in many ways that must not
// matter (parallelism, processors, garbage collection, the race detector, a
// 32-bit build) and compares traces and report byte by byte. It exits 4 when
// anything differs.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vmprobe/vmprobe/hack/internal/gotool"
)

// variant is one way to run the suite.
type variant struct {
	name  string
	build build
	env   []string
	args  []string
}

// build is one way to compile the program.
type build struct {
	name string
	env  []string
	args []string
}

var (
	plain = build{name: "amd64", env: []string{"CGO_ENABLED=0"}}
	race  = build{name: "race", env: []string{"CGO_ENABLED=1"}, args: []string{"-race"}}
	small = build{name: "386", env: []string{"CGO_ENABLED=0", "GOARCH=386"}}
)

var variants = []variant{
	{name: "p1", build: plain, args: []string{"-p", "1"}},
	{name: "p8", build: plain, args: []string{"-p", "8"}},
	{name: "again", build: plain, args: []string{"-p", "8"}},
	{name: "procs1", build: plain, env: []string{"GOMAXPROCS=1"}, args: []string{"-p", "8"}},
	{name: "procs2", build: plain, env: []string{"GOMAXPROCS=2"}, args: []string{"-p", "2"}},
	{name: "gc", build: plain, env: []string{"GOGC=10"}, args: []string{"-p", "2"}},
	{name: "race", build: race, args: []string{"-p", "2"}},
	{name: "386", build: small, args: []string{"-p", "2"}},
}

var errDiffers = errors.New("nondeterminism")

func main() {
	seed := flag.String("seed", "7", "seed of the runs")
	flag.Parse()
	err := run(*seed)
	switch {
	case errors.Is(err, errDiffers):
		fmt.Fprintln(os.Stderr, "determinism:", err)
		os.Exit(4)
	case err != nil:
		fmt.Fprintln(os.Stderr, "determinism:", err)
		os.Exit(3)
	}
}

func run(seed string) error {
	dir, err := os.MkdirTemp("", "vmprobe-determinism-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var first map[string][]byte
	for _, v := range variants {
		binary, err := compile(dir, v.build)
		if err != nil {
			return err
		}
		files, err := collect(filepath.Join(dir, v.name), binary, seed, v)
		if errors.Is(err, syscall.ENOEXEC) && first != nil {
			fmt.Printf("%-7s not run: this machine runs no programs built for %s\n", v.name, v.build.name)
			continue
		}
		if err != nil {
			return err
		}
		if first == nil {
			first = files
		}
		if err := compare(variants[0].name, first, v.name, files); err != nil {
			return err
		}
		fmt.Printf("%-7s %d files, the same bytes\n", v.name, len(files))
	}
	return nil
}

func compile(dir string, b build) (string, error) {
	binary := filepath.Join(dir, "vmprobe-"+b.name)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	args := slices.Concat([]string{"build", "-o", binary}, b.args, []string{"./cmd/vmprobe"})
	return binary, gotool.RunEnv(b.env, args...)
}

// collect runs the suite once and reads everything it wrote.
func collect(dir, binary, seed string, v variant) (map[string][]byte, error) {
	args := slices.Concat([]string{
		"run", "--seed", seed,
		"--report", "trace=" + filepath.Join(dir, "traces"),
		"--report", "json=" + filepath.Join(dir, "report.json"),
		"--report", "junit=" + filepath.Join(dir, "report.xml"),
	}, v.args)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), v.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", v.name, err, out)
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = data
		return err
	})
	if err == nil && len(files) < 50 {
		err = fmt.Errorf("%s: only %d files: the comparison would be vacuous", v.name, len(files))
	}
	return files, err
}

func compare(nameA string, a map[string][]byte, nameB string, b map[string][]byte) error {
	for _, file := range slices.Sorted(keys(a, b)) {
		if bytes.Equal(a[file], b[file]) && (a[file] == nil) == (b[file] == nil) {
			continue
		}
		line, textA, textB := firstLine(a[file], b[file])
		return fmt.Errorf("%w: %s line %d\n  %-7s %s\n  %-7s %s", errDiffers, file, line, nameA, textA, nameB, textB)
	}
	return nil
}

func keys(ms ...map[string][]byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, m := range ms {
			for k := range m {
				if !seen[k] && !yield(k) {
					return
				}
				seen[k] = true
			}
		}
	}
}

func firstLine(a, b []byte) (n int, lineA, lineB []byte) {
	linesA, linesB := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range max(len(linesA), len(linesB)) {
		lineA, lineB = nil, nil
		if i < len(linesA) {
			lineA = linesA[i]
		}
		if i < len(linesB) {
			lineB = linesB[i]
		}
		if !bytes.Equal(lineA, lineB) {
			return i + 1, lineA, lineB
		}
	}
	return 0, nil, nil
}
