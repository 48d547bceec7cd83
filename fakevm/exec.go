package fakevm

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// firstPID is the process id of the first command of a guest.
const firstPID = 1000

// maxOutput bounds what RunCommand hands over; qemu-ga keeps 16 MiB too.
const maxOutput = 16 << 20

// maxProcesses bounds the commands that a prober may leave behind; then
// guest-exec fails, as fork does.
const maxProcesses = 10_000

// ErrMissing says that the command could not be started (EX-ERR).
var ErrMissing = errors.New("no such file or directory")

// execTable holds the commands that run or whose status nobody has asked for.
type execTable struct {
	ep      *endpoint
	nextPID int64
	procs   []*process
}

// process is one command of guest-exec.
type process struct {
	pid     int64
	reply   *ExecReply
	exit    int64
	capture bool
	exited  bool
	timer   *guestTimer
}

// begin takes the script's reply for a command and logs it.
func (t *execTable) begin(g *Guest, argv []string) (*ExecReply, int64) {
	seen := strings.Join(argv, " ")
	if t.ep == nil {
		g.host.Log(Record{
			At: g.Uptime(), Endpoint: string(Exec), Seen: seen, Did: &Reply{Exec: &ExecReply{Missing: true}},
			Note: "no exec endpoint is scripted",
		})
		return nil, 0
	}
	p := g.take(t.ep)
	if p.prepared == nil {
		g.host.Log(Record{
			At: g.Uptime(), Endpoint: t.ep.name, Seen: seen, Did: &Reply{Exec: &ExecReply{Missing: true}},
			Note: "before the first step",
		})
		return nil, 0
	}
	r := p.reply.Exec
	if r == nil {
		r = &ExecReply{}
	}
	note, exit := "", r.Exit
	if r.Require != nil && !slices.Equal(r.Require, argv) {
		note, exit = "another command arrived: exit 1", 1
	}
	g.log(t.ep, p, seen, note)
	if r.Missing {
		return nil, 0
	}
	return r, exit
}

// start runs a command for guest-exec; false: it cannot be started.
func (t *execTable) start(g *Guest, argv []string, capture bool) (*process, bool) {
	r, exit := t.begin(g, argv)
	if r == nil || len(t.procs) >= maxProcesses {
		return nil, false
	}
	p := &process{pid: t.nextPID, reply: r, exit: exit, capture: capture}
	t.nextPID++
	t.procs = append(t.procs, p)
	switch {
	case r.Hang:
	case r.After > 0:
		p.timer = g.clock.after(r.After, func() { p.exited = true })
	default:
		p.exited = true
	}
	return p, true
}

func (t *execTable) find(pid int64) *process {
	for _, p := range t.procs {
		if p.pid == pid {
			return p
		}
	}
	return nil
}

func (t *execTable) forget(p *process) {
	if i := slices.Index(t.procs, p); i >= 0 {
		t.procs = slices.Delete(t.procs, i, i+1)
	}
}

func (t *execTable) running() int {
	n := 0
	for _, p := range t.procs {
		if !p.exited {
			n++
		}
	}
	return n
}

// clear ends all processes with the boot; their timers are gone already.
func (t *execTable) clear() { t.procs = nil }

// status is the reply to guest-exec-status. A signal comes without an exit
// code (EX-SIGNAL-KV).
func (p *process) status() []part {
	r := p.reply
	head := `{"return": {"exited": true`
	if r.Signal != 0 {
		head += `, "signal": ` + strconv.Itoa(r.Signal)
	} else {
		head += `, "exitcode": ` + strconv.FormatInt(p.exit, 10)
	}
	data := outData(r)
	if !p.capture || len(data) == 0 {
		return once([]byte(head + "}}\n"))
	}
	parts := once([]byte(head + `, "out-data": "`))
	parts = append(parts, data...)
	return append(parts, once([]byte("\"}}\n"))...)
}

// outData is the base64 of the output, or what replaces it.
func outData(r *ExecReply) []part {
	switch {
	case r.OutputRaw != "":
		quoted := quoteJSON(r.OutputRaw)
		return once([]byte(quoted[1 : len(quoted)-1]))
	case r.OutputBytes > 0:
		// Whole lines of 48 bytes keep the encoding free of padding until
		// the end, so that any amount can be streamed.
		unit := filler[:48]
		parts := repeated([]byte(base64.StdEncoding.EncodeToString(unit)), r.OutputBytes/48)
		rest := base64.StdEncoding.EncodeToString(unit[:r.OutputBytes%48])
		return append(parts, once([]byte(rest))...)
	case r.Output != "":
		return once([]byte(base64.StdEncoding.EncodeToString([]byte(r.Output))))
	}
	return nil
}

// output is the plain output, at most maxOutput.
func output(r *ExecReply) []byte {
	if r.OutputBytes <= 0 || r.Output != "" {
		return []byte(r.Output)
	}
	b := make([]byte, min(r.OutputBytes, maxOutput))
	for n := copy(b, filler[:48]); n < len(b); {
		n += copy(b[n:], b[:n]) // whole units, until the last one
	}
	return b
}

// RunCommand runs a command as a container runtime does, without the agent:
// the exec endpoint answers. done is called once, never reentrantly, unless
// the command hangs or the guest stops first; err is ErrMissing when the
// command cannot be started. A command killed by a signal has exit 128 plus
// its number, as a shell and a runtime say.
func (g *Guest) RunCommand(argv []string, done func(exit int64, signal int, output []byte, err error)) {
	if !g.Answers() {
		return // the runtime waits, as its caller does
	}
	r, exit := g.exec.begin(g, argv)
	switch {
	case r == nil:
		g.clock.after(0, func() { done(0, 0, nil, ErrMissing) })
	case r.Hang:
	default:
		if r.Signal != 0 {
			exit = int64(128 + r.Signal)
		}
		g.clock.after(r.After, func() { done(exit, r.Signal, output(r), nil) })
	}
}
