// Command fuzz runs every native fuzz target of the module for a while.
//
//	go run ./hack/fuzz -time 20s [-only FuzzLoad]
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/hack/internal/gotool"
)

func main() {
	each := flag.Duration("time", 20*time.Second, "how long each target runs")
	only := flag.String("only", "", "run only targets whose name contains this text")
	flag.Parse()
	if err := run(*each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(each time.Duration, only string) error {
	pkgs, err := gotool.List()
	if err != nil {
		return err
	}
	ran := 0
	for _, p := range pkgs {
		if !p.Tests() {
			continue
		}
		targets, err := fuzzTargets(p)
		if err != nil {
			return err
		}
		for _, target := range targets {
			if !strings.Contains(target, only) {
				continue
			}
			fmt.Printf("== %s %s for %s\n", p.ImportPath, target, each)
			if err := gotool.Run("test", "-run", "^$", "-fuzz", "^"+target+"$", "-fuzztime", each.String(), p.ImportPath); err != nil {
				return err
			}
			ran++
		}
	}
	if ran == 0 {
		return fmt.Errorf("no fuzz target matches %q", only)
	}
	fmt.Printf("%d fuzz targets ran\n", ran)
	return nil
}

// fuzzTargets reads the names from the sources, which is faster than
// compiling every test binary to ask for them.
func fuzzTargets(p gotool.Package) ([]string, error) {
	var names []string
	for _, file := range append(append([]string{}, p.TestGoFiles...), p.XTestGoFiles...) {
		data, err := os.ReadFile(p.Dir + "/" + file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ := strings.Cut(rest, "(")
				names = append(names, "Fuzz"+name)
			}
		}
	}
	return names, nil
}
