// Package doctest runs what the README files show. Every fenced block has a
// language that says what becomes of it; hack/README.md has the table.
package doctest

import (
	"fmt"
	"strings"
)

// Block is a fenced block of a Markdown file.
type Block struct {
	Lang  string            // first word after the fence
	Attrs map[string]string // the other words: key=value, or key alone
	Line  int               // of the fence, from 1
	Text  string            // between the fences
}

// Parse finds the fenced blocks of a text. A fence begins at the first column.
func Parse(text string) ([]Block, error) {
	var blocks []Block
	fence := ""
	for n, line := range strings.Split(text, "\n") {
		switch {
		case fence != "" && line == fence:
			fence = ""
		case fence != "":
			blocks[len(blocks)-1].Text += line + "\n"
		case strings.HasPrefix(line, "```"):
			info := strings.TrimLeft(line, "`")
			fence = line[:len(line)-len(info)]
			blocks = append(blocks, newBlock(info, n+1))
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("line %d: the block has no end", blocks[len(blocks)-1].Line)
	}
	return blocks, nil
}

func newBlock(info string, line int) Block {
	b := Block{Line: line, Attrs: map[string]string{}}
	for i, word := range strings.Fields(info) {
		if i == 0 {
			b.Lang = word
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		b.Attrs[key] = value
	}
	return b
}

// Has tells whether the block has the attribute.
func (b *Block) Has(attr string) bool { _, ok := b.Attrs[attr]; return ok }

// Step is a command of a console block and what it printed.
type Step struct{ Command, Output string }

// Console takes the text of a console block apart: lines that begin with "$ "
// are commands, what follows is their output.
func Console(text string) ([]Step, error) {
	var steps []Step
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			steps = append(steps, Step{Command: strings.TrimSpace(command)})
			continue
		}
		if len(steps) == 0 {
			return nil, fmt.Errorf("%q stands before the first command", strings.TrimSpace(line))
		}
		steps[len(steps)-1].Output += line
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("no command: begin its line with %q", "$ ")
	}
	return steps, nil
}

// Commands are the lines of a shell block without comments; a line that ends
// in a backslash goes on in the next.
func Commands(text string) []string {
	var out []string
	whole := ""
	for line := range strings.Lines(text) {
		whole += line
		if strings.HasSuffix(line, "\\\n") {
			continue
		}
		command, _, _ := strings.Cut(strings.TrimSpace(whole), " # ")
		whole = ""
		if command = strings.TrimSpace(command); command != "" && !strings.HasPrefix(command, "#") {
			out = append(out, command)
		}
	}
	return out
}
