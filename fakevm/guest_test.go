package fakevm

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// world is what the commands of a transcript act on.
type world struct {
	host  *scriptHost
	guest *Guest
}

// TestTranscripts runs the goldens in testdata/transcripts: what a client
// sends and when, and what the guest does at what time.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		t.Helper()
		w := &world{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			return w.command(t, d)
		})
	})
}

func (w *world) command(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	if d.Cmd == "guest" {
		return w.create(d)
	}
	g, h := w.guest, w.host
	switch d.Cmd {
	case "boot":
		g.Boot(h.now)
	case "pause":
		g.Pause()
	case "unpause":
		g.Unpause()
	case "hang":
		g.Hang()
	case "resume":
		g.Resume()
	case "crash":
		g.Crash()
	case "reboot":
		g.Reboot(0)
	case "button":
		g.PowerButton()
	case "close":
		g.Close()
	case "slow":
		h.slow = true
	case "drain":
		h.conns[d.CmdArgs[0].Key].drain()
	case "log":
		var b strings.Builder
		for _, r := range h.records {
			b.WriteString(recordLine(r) + "\n")
		}
		h.records = nil
		return b.String()
	case "processes":
		return strconv.Itoa(g.Processes()) + "\n"
	default:
		return w.traffic(t, d)
	}
	return w.settle()
}

func (w *world) traffic(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	h := w.host
	switch d.Cmd {
	case "connect":
		port, err := strconv.ParseUint(d.CmdArgs[1].Key, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		w.connect(d.CmdArgs[0].Key, uint16(port))
	case "send":
		c := h.conns[d.CmdArgs[0].Key]
		for line := range strings.SplitSeq(d.Input, "\n") {
			s, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			c.handler.OnData([]byte(s))
		}
	case "fin":
		h.conns[d.CmdArgs[0].Key].handler.OnClose(nil)
	case "rst":
		h.conns[d.CmdArgs[0].Key].handler.OnClose(fmt.Errorf("connection reset by peer"))
	case "run":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		if !h.run(h.now+by, 2000) {
			h.say("host", "still busy after 2000 events")
		}
	case "exec":
		argv := []string{}
		for _, a := range d.CmdArgs {
			argv = append(argv, a.Key)
		}
		w.guest.RunCommand(argv, func(exit int64, signal int, out []byte, err error) {
			h.say("exec", "exit=%d signal=%d output=%q err=%v", exit, signal, out[:min(len(out), 40)], err)
		})
	default:
		t.Fatalf("unknown command %q", d.Cmd)
	}
	return w.settle()
}

// settle runs what is due now and gives what happened.
func (w *world) settle() string {
	if !w.host.run(w.host.now, 2000) {
		w.host.say("host", "still busy after 2000 events")
	}
	if s := w.host.flush(); s != "" {
		return s
	}
	return "nothing\n"
}

func (w *world) connect(name string, port uint16) {
	h := w.host
	gate := h.gates[port]
	if gate == nil {
		h.say(name, "nobody listens")
		return
	}
	d := gate("client/" + name)
	decision := string(d.Connect)
	if decision == "" {
		decision = "accepted"
	}
	if d.Delay > 0 {
		decision += " after " + d.Delay.String()
	}
	h.say(name, "%s", decision)
	if d.Handler != nil {
		h.At(h.now+d.Delay, func() {
			c := &scriptConn{host: h, name: name}
			h.conns[name] = c
			c.handler = d.Handler(c)
		})
	}
}

var quotedDuration = regexp.MustCompile(`"(\d+(?:\.\d+)?(?:ms|s|m|h))"`)

// create makes a guest of a JSON program in which durations may be written as
// in Go.
func (w *world) create(d *datadriven.TestData) string {
	text := quotedDuration.ReplaceAllStringFunc(d.Input, func(s string) string {
		v, err := time.ParseDuration(strings.Trim(s, `"`))
		if err != nil {
			return s
		}
		return strconv.FormatInt(int64(v), 10)
	})
	var in struct {
		Program
		EveryBoot Program `json:"everyBoot"`
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return "decode: " + err.Error() + "\n"
	}
	h := newScriptHost()
	var host Host = h
	if d.HasArg("hints") {
		host = hintingHost{h}
	}
	g, err := New(host, in.Program, Options{
		EveryBoot: in.EveryBoot,
		Power:     powerLog{h},
		OnBoot:    func(n int) { h.say("boot", "number %d", n) },
		OnStep:    func(endpoint, as string) { h.say("step", "%s %q", endpoint, as) },
	})
	if err != nil {
		return err.Error() + "\n"
	}
	w.host, w.guest = h, g
	if d.HasArg("off") {
		return w.settle()
	}
	g.Boot(0)
	return w.settle()
}
