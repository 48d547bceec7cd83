package fakevm

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestCommands: what is remembered is what reading anew gives, for commands of
// every kind, and never more than the bound.
func TestCommands(t *testing.T) {
	b, err := NewBlueprint(Program{}, Program{})
	if err != nil {
		t.Fatal(err)
	}
	seven := int64(7)
	long := `{"execute": "` + strings.Repeat("x", maxCommandText) + `"}`
	for range 2 {
		for line, want := range map[string]command{
			`{"execute": "guest-ping"}`:                                 {execute: "guest-ping"},
			`{"execute": "guest-sync", "arguments": {"id": 12}}`:        {execute: "guest-sync", id: "12"},
			`{"execute": "guest-sync", "arguments": {"id": true}}`:      {execute: "guest-sync"},
			`{"execute": "guest-exec-status", "arguments": {"pid": 7}}`: {execute: "guest-exec-status", pid: &seven},
			`{"execute": "guest-exec-status"}`:                          {execute: "guest-exec-status"},
			`{"execute": "guest-exec", "arguments": {"path": "a", "arg": ["b"], "capture-output": true}}`: {
				execute: "guest-exec", argv: []string{"a", "b"}, capture: true,
			},
			`{"execute": "guest-exec", "arguments": {"arg": ["b"]}}`: {execute: "guest-exec"},
			`{"execute": 1}`: {broken: true},
			long:             {execute: strings.Repeat("x", maxCommandText)},
		} {
			if got := b.command([]byte(line)); !reflect.DeepEqual(got, want) {
				t.Errorf("%.60s is %+v, not %+v", line, got, want)
			}
		}
	}
	if _, ok := b.commands[long]; ok {
		t.Error("a long command was remembered")
	}
	for i := range 2 * maxCommands {
		b.command([]byte(strconv.Itoa(i)))
		if len(b.commands) > maxCommands {
			t.Fatalf("%d commands are remembered", len(b.commands))
		}
	}
}
