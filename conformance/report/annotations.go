package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// writeGitHub writes a workflow command for each case that did not pass, so
// that it shows up beside the line of its scenario.
func writeGitHub(w io.Writer, r *Report) error {
	var b strings.Builder
	list := r.groups()
	for i := range list {
		g := &list[i]
		level := "error"
		message, _ := firstFailure(&g.Verdict)
		switch g.Result {
		case judge.Pass:
			continue
		case judge.Fail, judge.Error:
			message += "\n" + g.Replay()
		case judge.Exempt, judge.NotClaimed, judge.NotRun:
			level = "notice"
		}
		fmt.Fprintf(&b, "::%s ", level)
		if g.File != "" {
			fmt.Fprintf(&b, "file=%s,line=%d,", property(g.File), max(g.Line, 1))
		}
		fmt.Fprintf(&b, "title=%s::%s\n", property(fmt.Sprintf("%s %s", g.Result, g.Case)), data(message))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data escapes the message of a workflow command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}

// writeMarkdown writes the summary of a CI job.
func writeMarkdown(w io.Writer, r *Report) error {
	var b strings.Builder
	list := r.groups()
	all := countOf(list)
	fmt.Fprintf(&b, "## vmprobe: %s\n\n%d of %d cases passed.\n", all.result(), all[judge.Pass], all.total())
	if len(list) > 0 {
		b.WriteString("\n| profile | pass | fail | error | exempt | not-claimed | not-run |\n|---|--:|--:|--:|--:|--:|--:|\n")
	}
	for _, name := range profilesOf(list) {
		c := countOf(inProfile(list, name))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n", cell(name),
			c[judge.Pass], c[judge.Fail], c[judge.Error], c[judge.Exempt], c[judge.NotClaimed], c[judge.NotRun])
	}
	for i := range list {
		g := &list[i]
		if g.Result != judge.Fail && g.Result != judge.Error {
			continue
		}
		message, _ := firstFailure(&g.Verdict)
		text := strings.TrimRight(g.text(), "\n")
		fence := strings.Repeat("`", max(3, longestRun(text)+1))
		fmt.Fprintf(&b, "\n<details><summary>%s <code>%s</code>: %s</summary>\n\n%s\n%s\n%s\n\n</details>\n",
			g.Result, inline(g.Case), inline(message), fence, text, fence)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// longestRun is the length of the longest run of backquotes.
func longestRun(s string) int {
	longest, n := 0, 0
	for _, c := range s {
		if c != '`' {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}

func cell(s string) string { return strings.ReplaceAll(inline(s), "|", "\\|") }

func inline(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ", "\r", " ").Replace(s)
}
