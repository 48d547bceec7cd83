package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// TestExamplesOfHelp: every example of every --help names a command, flags and
// values that there are, and scenarios, requirements and mutants by their names.
func TestExamplesOfHelp(t *testing.T) {
	root := func() *cobra.Command {
		return newRoot(streams{&bytes.Buffer{}, io.Discard, io.Discard}, func(string) (string, bool) { return "", false })
	}
	examples := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			for _, words := range invocations(line) {
				examples++
				if why := wrongWords(root(), words); why != "" {
					t.Errorf("%s --help: %q: %s", c.CommandPath(), strings.TrimSpace(line), why)
				}
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root())
	if examples < 50 {
		t.Errorf("only %d examples were found", examples)
	}
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

// invocations are the words behind each vmprobe of a line.
func invocations(line string) (list [][]string) {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "   ") // a remark
	for _, part := range regexp.MustCompile(`\||\$\(|\)`).Split(line, -1) {
		words := word.FindAllString(part, -1)
		if i := slices.IndexFunc(words, func(w string) bool { return w == ">" || w == ">>" || w == "<" }); i >= 0 {
			words = words[:i]
		}
		for len(words) > 0 && strings.Contains(words[0], "=") {
			words = words[1:] // environment
		}
		if len(words) > 0 && words[0] == "vmprobe" {
			for i := range words {
				words[i] = strings.Trim(words[i], "'")
			}
			list = append(list, words[1:])
		}
	}
	return list
}

// wrongWords says what nobody could follow in an example.
func wrongWords(root *cobra.Command, words []string) string {
	c, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	args := c.Flags().Args()
	if n := c.ArgsLenAtDash(); n >= 0 {
		args = args[:n] // what follows is a prober
	}
	for _, a := range args {
		if strings.ContainsAny(a, "/.") || a == "-" || c.HasParent() && c.Parent().Name() == "cluster" {
			continue // a file
		}
		loaded, err := suite.Load([]string{a}, nil)
		if err == nil {
			err = suite.Missing(loaded)
		}
		_, isCode := diag.Explain(a)
		selected, _ := mutants.Select([]string{a})
		if err != nil && !isCode && !slices.Contains(c.ValidArgs, a) && len(selected) == 0 && !slices.Contains(requirements.IDs(), a) {
			return err.Error()
		}
	}
	return ""
}
