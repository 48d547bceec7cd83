package fakevm

import "encoding/json"

// command is one line of the host, as the agent understands it.
type command struct {
	execute string
	id      string   // of a guest-sync, as it was written; empty: none was named
	pid     *int64   // of a guest-exec-status; nil: none was named
	argv    []string // of a guest-exec; empty: no path was named
	capture bool     // of a guest-exec: its output is wanted
	broken  bool
	late    bool // the agent was stopped when it came
}

// Bounds of the commands that a blueprint remembers.
const (
	maxCommands    = 1 << 12
	maxCommandText = 1 << 10 // bytes
)

// command reads a line. Hosts say the same few lines in every run, so what was
// read is remembered.
func (b *Blueprint) command(line []byte) command {
	if cmd, ok := b.commands[string(line)]; ok {
		return cmd
	}
	cmd := parseCommand(line)
	if len(line) > maxCommandText {
		return cmd
	}
	if len(b.commands) >= maxCommands {
		clear(b.commands)
	}
	b.commands[string(line)] = cmd
	return cmd
}

func parseCommand(line []byte) command {
	var text struct {
		Execute   string          `json:"execute"`
		Arguments json.RawMessage `json:"arguments"`
		ID        json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &text) != nil {
		return command{broken: true}
	}
	cmd := command{execute: text.Execute}
	switch {
	case cmd.syncs():
		cmd.readID(text.Arguments)
	case cmd.execute == "guest-exec-status":
		cmd.readPID(text.Arguments)
	case cmd.execute == "guest-exec":
		cmd.readExec(text.Arguments)
	}
	return cmd
}

func (cmd *command) syncs() bool {
	return cmd.execute == "guest-sync" || cmd.execute == "guest-sync-delimited"
}

func (cmd *command) readID(arguments []byte) {
	var args struct {
		ID *json.Number `json:"id"`
	}
	if json.Unmarshal(arguments, &args) == nil && args.ID != nil {
		cmd.id = args.ID.String()
	}
}

func (cmd *command) readPID(arguments []byte) {
	var args struct {
		PID *int64 `json:"pid"`
	}
	if json.Unmarshal(arguments, &args) == nil {
		cmd.pid = args.PID
	}
}

func (cmd *command) readExec(arguments []byte) {
	var args struct {
		Path    string          `json:"path"`
		Arg     []string        `json:"arg"`
		Capture json.RawMessage `json:"capture-output"`
	}
	if json.Unmarshal(arguments, &args) != nil || args.Path == "" {
		return
	}
	capture := string(args.Capture)
	cmd.argv = append([]string{args.Path}, args.Arg...)
	cmd.capture = capture != "" && capture != "false" && capture != `"none"`
}
