// Command golden rewrites every golden file of the module. Review the diff as
// carefully as code: commit it only if each change is desired.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/hack/internal/gotool"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
		os.Exit(1)
	}
}

func run() error {
	pkgs, err := gotool.List()
	if err != nil {
		return err
	}
	for _, p := range pkgs {
		flags, err := rewriteFlags(p)
		if err != nil {
			return err
		}
		for _, f := range flags {
			if err := gotool.Run("test", p.ImportPath, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewriteFlags tells which of the two rewriting flags a package's tests have:
// datadriven brings its own, our own goldens declare -update.
func rewriteFlags(p gotool.Package) ([]string, error) {
	var flags []string
	if slices.Contains(slices.Concat(p.TestImports, p.XTestImports), "github.com/cockroachdb/datadriven") {
		flags = append(flags, "-rewrite")
	}
	for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
		data, err := os.ReadFile(p.Dir + "/" + file)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(data), `flag.Bool("update"`) {
			return append(flags, "-update"), nil
		}
	}
	return flags, nil
}
