package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/adapters"
	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
)

func newInit(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a file to begin with",
		Example: `  vmprobe init prober --lang python
  vmprobe init prober --lang go --dir my-prober
  vmprobe init scenario -f vm.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newInitProber(s), newInitScenario(s))
	return cmd
}

func newInitProber(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prober --lang " + strings.Join(adapters.Languages(), "|"),
		Short: "Write an adapter for a prober under test",
		Long: `init prober writes a small prober that speaks the lockstep protocol and conforms: put
your own decisions into it. Files that exist are left alone.`,
		Example: `  vmprobe init prober --lang python
  vmprobe smoke -- python3 prober.py`,
		Args: cobra.NoArgs,
	}
	lang := cmd.Flags().String("lang", "", "language: "+strings.Join(adapters.Languages(), " or "))
	dir := cmd.Flags().String("dir", ".", "folder to write to; it is made")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *lang == "" {
			return usagef("say which language: --lang %s", strings.Join(adapters.Languages(), " or --lang "))
		}
		files, err := adapters.Files(*lang)
		if err != nil {
			return usagef("--lang: %w", err)
		}
		names := make(map[string][]byte, len(files))
		for _, f := range files {
			names[f.Name] = f.Data
		}
		if err := writeNew(*dir, names); err != nil {
			return err
		}
		for _, f := range files {
			fmt.Fprintln(s.out, "wrote", filepath.Join(*dir, f.Name))
		}
		_, err = fmt.Fprintln(s.out, "next: "+strings.Join(nextSteps(*lang, *dir), "\n      "))
		return err
	}
	return cmd
}

// nextSteps are the commands that try an adapter. One in Go needs a module with
// vmprobe in it.
func nextSteps(lang, dir string) []string {
	if lang != "go" {
		return []string{"vmprobe smoke -- python3 " + judge.ShellWord(filepath.Join(dir, "prober.py"))}
	}
	goIn := "go"
	if filepath.Clean(dir) != "." {
		goIn += " -C " + judge.ShellWord(dir)
	}
	steps := []string{goIn + " get github.com/vmprobe/vmprobe", "vmprobe smoke -- " + goIn + " run ."}
	if !inModule(dir) {
		steps = slices.Insert(steps, 0, goIn+" mod init prober")
	}
	return steps
}

// inModule tells whether a directory, or one above it, has a go.mod.
func inModule(dir string) bool {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, found := os.Stat(filepath.Join(dir, "go.mod")); found == nil {
			return true
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// writeNew writes files that must not exist; none is written when one does.
func writeNew(dir string, files map[string][]byte) error {
	var errs []error
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			errs = append(errs, fmt.Errorf("%s exists: move it away, or choose another --dir", filepath.Join(dir, name)))
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return exit(exitUsage, errors.Join(errs...))
	}
	for name, data := range files {
		if err := campaign.WriteFile(filepath.Join(dir, name), data); err != nil {
			return exit(exitCouldNotRun, err)
		}
	}
	return nil
}
