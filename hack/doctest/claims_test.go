package doctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func help(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(program(t), "vmprobe"), append(args, "--help")...).Output()
	if err != nil {
		t.Fatalf("vmprobe %v --help: %v", args, err)
	}
	return string(out)
}

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// commands reads the list of the program's own help.
func commands(t *testing.T) []string {
	t.Helper()
	out := below(help(t))
	if len(out) < 8 {
		t.Fatalf("only %v found in the help", out)
	}
	return out
}

// TestFlagsAreDocumented: cmd/README.md names each flag of each command, and
// no other.
func TestFlagsAreDocumented(t *testing.T) {
	page := page(t, "cmd/README.md")
	flags := regexp.MustCompile(`--[a-z][a-z-]+`)
	known := map[string]bool{"--help": true}
	for _, command := range commands(t) {
		if !strings.Contains(page, "`vmprobe "+command) {
			t.Errorf("cmd/README.md does not tell of vmprobe %s", command)
		}
		for _, f := range flags.FindAllString(helpOfAll(t, command), -1) {
			known[f] = true
			if f != "--help" && !strings.Contains(page, f) {
				t.Errorf("cmd/README.md does not tell of %s of vmprobe %s", f, command)
			}
		}
	}
	for _, f := range flags.FindAllString(page, -1) {
		if !known[f] {
			t.Errorf("cmd/README.md tells of %s, which no command has", f)
		}
	}
}

// helpOfAll is the help of a command and of the commands below it.
func helpOfAll(t *testing.T, command string) string {
	t.Helper()
	text := help(t, command)
	if command == "completion" {
		return text // the shells below it are not ours
	}
	for _, sub := range below(text) {
		text += help(t, command, sub)
	}
	return text
}

// below reads the list of commands in a help text.
func below(help string) []string {
	_, list, _ := strings.Cut(help, "\nAvailable Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var out []string
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" {
			out = append(out, name)
		}
	}
	return out
}

// TestWhatIsNotThere: the section names each thing that the program cannot do,
// and nothing that it can.
func TestWhatIsNotThere(t *testing.T) {
	_, section, ok := strings.Cut(page(t, "README.md"), "\n## What is not there yet\n")
	if !ok {
		t.Fatal("README.md has no such section")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, c := range []struct {
		claim, command string
		there          string // a part of the help once it is there
	}{
		{"**Probers with a clock and sockets of their own.**", "conformance", `--door\b`},
		{"**Migration of real VMs.**", "cluster up", `--nodes\b`},
		{"**A watchdog device**", "conformance", `\bwatchdog\b`},
		{"**Shrinking**", "", `(?m)^  shrink`},
	} {
		there := regexp.MustCompile(c.there).MatchString(help(t, strings.Fields(c.command)...))
		if claimed := strings.Contains(section, c.claim); claimed == there {
			t.Errorf("%s: listed as missing: %t; the program has it: %t", c.claim, claimed, there)
		}
	}
}
