package main

import "github.com/vmprobe/vmprobe/conformance/timeline"

// ansi is the style of timelines on a colour terminal.
func ansi(r timeline.Role, text string) string {
	code := ""
	switch r {
	case timeline.Good:
		code = "32"
	case timeline.Bad:
		code = "31"
	case timeline.Odd:
		code = "33"
	case timeline.Faint:
		code = "2"
	case timeline.Plain:
	}
	if code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
