package fakevm

import (
	"strconv"
	"time"
)

type guestDelay = time.Duration

// Error classes of the agent's replies.
const (
	classGeneric  = "GenericError"
	classNotFound = "CommandNotFound"
	classDisabled = "CommandDisabled"
)

// agentVersion is what guest-info reports.
const agentVersion = "9.0.0"

// agentCommand does one command. guest-sync and guest-exec-status only look
// at the reply of the script; they use it up when it makes them fail, because
// then no command follows. Every other command uses one reply. An agent that
// hangs as a process that is stopped does, answers when it goes on.
func (g *Guest) agentCommand(c *agentConn, cmd *command) {
	if g.agent.ep != nil {
		g.advance(g.agent.ep)
	}
	next := g.agentPeek()
	if next == nil {
		g.shutAgent()
		return
	}
	r := next.reply.agent()
	sync := cmd.syncs()
	follows := sync || cmd.execute == "guest-exec-status"
	breaks := r.Silent || sync && (r.SyncSilent || r.WrongSyncID)
	seen := cmd.execute
	if cmd.broken {
		seen = "garbage"
	}
	switch {
	case cmd.late: // it was logged when it came
	case follows && !breaks:
		g.noteAgent(next, seen)
	default:
		p := pick{prepared: next}
		if g.agent.ep != nil {
			p = g.take(g.agent.ep)
		}
		g.logAgent(p, seen)
		r = p.reply.agent()
	}
	if r.Silent || sync && r.SyncSilent {
		if g.AgentStopped() {
			c.hold(*cmd)
		}
		c.say(&AgentReply{Disconnect: r.Disconnect, Reconnect: r.Reconnect}, r.Delay, nil)
		return
	}
	switch {
	case sync:
		c.say(&AgentReply{ChunkBytes: r.ChunkBytes, ChunkEvery: r.ChunkEvery}, r.SyncDelay, g.sync(cmd, r))
	case cmd.execute == "guest-exec-status":
		c.say(&AgentReply{}, 0, g.execStatus(cmd))
	default:
		c.say(r, r.Delay, g.reply(cmd, r))
	}
}

// logAgent records a command that used a reply.
func (g *Guest) logAgent(p pick, seen string) {
	g.host.Log(Record{
		At: g.Uptime(), Endpoint: string(Agent), Step: p.step.stepName(), Seen: seen, Did: p.reply,
	})
}

// noteAgent records a command that goes with another one; it has no Did and so
// does not count as a command of its own.
func (g *Guest) noteAgent(_ *prepared, seen string) {
	g.host.Log(Record{At: g.Uptime(), Endpoint: string(Agent), Seen: seen, Note: "goes with a command"})
}

// sync answers guest-sync and guest-sync-delimited.
func (g *Guest) sync(cmd *command, r *AgentReply) []part {
	id := cmd.id
	if id == "" {
		return failed(classGeneric, "Parameter 'id' is missing")
	}
	if r.WrongSyncID {
		id = wrongID(id)
	}
	parts := returned(id)
	if cmd.execute == "guest-sync-delimited" {
		parts[0].b = append([]byte{resync}, parts[0].b...)
	}
	return parts
}

func wrongID(id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return "0"
	}
	return strconv.FormatInt(n^1, 10)
}

// reply is everything that is sent for a command, in order: what comes before
// it, then the scripted or the true answer.
func (g *Guest) reply(cmd *command, r *AgentReply) []part {
	var parts []part
	if r.Before != "" {
		parts = repeated([]byte(r.Before), int64(max(1, r.Repeat)))
	}
	switch {
	case r.Raw != "":
		return append(parts, once([]byte(r.Raw))...)
	case r.RawBytes > 0:
		// Without a newline, as the field promises.
		return append(parts, repeated([]byte("x"), r.RawBytes)...)
	case r.ErrorClass != "":
		return append(parts, failed(r.ErrorClass, r.ErrorDesc)...)
	case cmd.broken:
		return append(parts, failed(classGeneric, "JSON parse error, invalid keyword")...)
	}
	answer := g.answer(cmd)
	if r.Value != "" && len(answer) > 0 {
		answer = returned(r.Value)
	}
	if len(parts) == 0 {
		return answer
	}
	return append(parts, answer...)
}

// pong answers guest-ping.
var pong = returned("{}") //nolint:gochecknoglobals // never changed

// answer is what a healthy agent says.
func (g *Guest) answer(cmd *command) []part {
	switch cmd.execute {
	case "guest-ping":
		return pong
	case "guest-info":
		return returned(`{"version": "` + agentVersion + `", "supported_commands": []}`)
	case "guest-exec":
		return g.guestExec(cmd)
	case "guest-fsfreeze-status":
		if g.filesystemsFrozen() {
			return returned(`"frozen"`)
		}
		return returned(`"thawed"`)
	case "guest-fsfreeze-freeze":
		g.frozen = true
		return returned("1")
	case "guest-fsfreeze-thaw":
		g.frozen = false
		return returned("1")
	}
	return failed(classNotFound, "The command "+cmd.execute+" has not been found")
}

// guestExec starts a command (EX-NO-SHELL: argv is executed as it is).
func (g *Guest) guestExec(cmd *command) []part {
	if g.filesystemsFrozen() {
		return failed(classDisabled, "Command guest-exec has been disabled: the agent is in frozen state")
	}
	if len(cmd.argv) == 0 {
		return failed(classGeneric, "Parameter 'path' is missing")
	}
	p, ok := g.exec.start(g, cmd.argv, cmd.capture)
	if !ok {
		return failed(classGeneric, "Failed to execute child process “"+cmd.argv[0]+"” (No such file or directory)")
	}
	return returned(`{"pid": ` + strconv.FormatInt(p.pid, 10) + "}")
}

// execStatus reports on a command; one that has exited is forgotten then.
func (g *Guest) execStatus(cmd *command) []part {
	if g.filesystemsFrozen() {
		return failed(classDisabled, "Command guest-exec-status has been disabled: the agent is in frozen state")
	}
	if cmd.pid == nil {
		return failed(classGeneric, "Parameter 'pid' is missing")
	}
	p := g.exec.find(*cmd.pid)
	if p == nil {
		return failed(classGeneric, "PID "+strconv.FormatInt(*cmd.pid, 10)+" does not exist")
	}
	if !p.exited {
		return returned(`{"exited": false}`)
	}
	g.exec.forget(p)
	return p.status()
}
