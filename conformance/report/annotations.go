package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// GitHub shows so many annotations of each level for one step, and drops the
// rest without a word.
const maxAnnotations = 10

// maxMessage bounds the text of one annotation, in runes.
const maxMessage = 4000

// writeGitHub writes a workflow command for each case that did not pass, so
// that it shows up beside the line of its scenario. When there are more than
// GitHub shows, the last one says how many.
func writeGitHub(w io.Writer, r *Report) error {
	lines := map[string][]string{}
	list := r.groups()
	for i := range list {
		g := &list[i]
		level := "error"
		message, _ := firstFailure(&g.Verdict)
		switch g.Result {
		case judge.Pass:
			continue
		case judge.Fail, judge.Error:
			message = cut(message) + "\n" + g.Replay()
		case judge.Exempt, judge.NotClaimed, judge.NotRun:
			level, message = "notice", g.Reason
		}
		place := ""
		if g.File != "" {
			place = fmt.Sprintf("file=%s,line=%d,", property(g.File), max(g.Line, 1))
		}
		title := property(fmt.Sprintf("%s %s", g.Result, g.Case))
		lines[level] = append(lines[level], fmt.Sprintf("::%s %stitle=%s::%s\n", level, place, title, data(message)))
	}
	var b strings.Builder
	if r.Run.Interrupted {
		b.WriteString("::warning title=vmprobe::the run was interrupted, what was not reached is not-run\n")
	}
	for _, level := range []string{"error", "notice"} {
		all := lines[level]
		shown := len(all)
		if shown > maxAnnotations {
			shown = maxAnnotations - 1
		}
		b.WriteString(strings.Join(all[:shown], ""))
		if n := len(all) - shown; n > 0 {
			fmt.Fprintf(&b, "::%s title=vmprobe::%d more cases did not pass, see the report\n", level, n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cut shortens a text to a number of runes.
func cut(s string) string {
	const most = maxMessage
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
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
	fmt.Fprintf(&b, "## vmprobe: %s\n\n%d of %d cases passed.\n", r.headline(list), all[judge.Pass], all.total())
	if r.Run.Interrupted {
		fmt.Fprintf(&b, "\nThe run was interrupted: what was not reached is not-run.\n")
	}
	if len(list) > 0 {
		b.WriteString("\n| profile | pass | fail | error | exempt | not-claimed | not-run |\n|---|--:|--:|--:|--:|--:|--:|\n")
	}
	for _, name := range profilesOf(list) {
		c := countOf(inProfile(list, name))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n", Cell(name),
			c[judge.Pass], c[judge.Fail], c[judge.Error], c[judge.Exempt], c[judge.NotClaimed], c[judge.NotRun])
	}
	if blind := r.blindSpot(list); blind != "" {
		fmt.Fprintf(&b, "\n%s%s.\n", strings.ToUpper(blind[:1]), Inline(blind[1:]))
	}
	acceptedFailures(&b, list)
	details(&b, list)
	_, err := io.WriteString(w, b.String())
	return err
}

// maxAccepted bounds the accepted failures that a summary lists.
const maxAccepted = 100

// acceptedFailures lists what is exempt, and why.
func acceptedFailures(b *strings.Builder, list []group) {
	n := 0
	for i := range list {
		if list[i].Result != judge.Exempt {
			continue
		}
		switch n++; {
		case n == 1:
			b.WriteString("\nFailures that are accepted for a while:\n\n")
		case n > maxAccepted:
			continue
		}
		fmt.Fprintf(b, "- <code>%s</code>: %s\n", Inline(cut(list[i].Case)), Inline(cut(list[i].Reason)))
	}
	if n > maxAccepted {
		fmt.Fprintf(b, "\nand %d more, see the report\n", n-maxAccepted)
	}
}

// maxSummary bounds a summary, in bytes: GitHub refuses more than 1 MiB for
// one step.
const maxSummary = 1000 << 10

// details shows what failed: drawings as long as there is room, then lines,
// then a number.
func details(b *strings.Builder, list []group) {
	const lines = 200 << 10 // kept free for cases without a drawing
	drawn, listed, left := true, false, 0
	for i := range list {
		g := &list[i]
		if g.Result != judge.Fail && g.Result != judge.Error {
			continue
		}
		message, _ := firstFailure(&g.Verdict)
		head := fmt.Sprintf("%s <code>%s</code>: %s", g.Result, Inline(cut(g.Case)), Inline(cut(message)))
		text := strings.TrimRight(g.text(), "\n")
		fence := strings.Repeat("`", max(3, longestRun(text)+1))
		block := fmt.Sprintf("\n<details><summary>%s</summary>\n\n%s\n%s\n%s\n\n</details>\n", head, fence, text, fence)
		if drawn = drawn && b.Len()+len(block) < maxSummary-lines; drawn {
			b.WriteString(block)
			continue
		}
		if b.Len()+len(head) > maxSummary-100 {
			left++
			continue
		}
		if !listed {
			b.WriteString("\n")
		}
		listed = true
		fmt.Fprintf(b, "- %s\n", head)
	}
	if left > 0 {
		fmt.Fprintf(b, "\nand %d more, see the report\n", left)
	}
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

// Cell makes any text the cell of a Markdown table.
func Cell(s string) string { return strings.ReplaceAll(Inline(s), "|", "\\|") }

// Inline makes any text one line of Markdown that holds no HTML.
func Inline(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ", "\r", " ").Replace(s)
}
