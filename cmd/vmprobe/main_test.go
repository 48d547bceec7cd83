package main

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/*.txtar")

func TestMain(m *testing.M) {
	daemon.Keep()
	testscript.Main(m, map[string]func(){"vmprobe": main})
}

// long are the scripts that play much of the suite: their packages are tested
// by themselves, so -short leaves them out.
var long = []string{"agree", "behind", "conformance", "explain", "legal", "mutants", "requirements", "sockets"}

// TestScripts runs the command line as a user does: every command, every
// error, every exit code.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) < len(long) {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	if testing.Short() {
		t.Logf("not run: %v (-short)", long)
		files = slices.DeleteFunc(files, func(f string) bool {
			return slices.Contains(long, strings.TrimSuffix(filepath.Base(f), ".txtar"))
		})
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode},
	})
}
