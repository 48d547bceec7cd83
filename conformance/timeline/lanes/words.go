package lanes

import (
	"strconv"

	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/fakevm"
)

// stepText is a step in few letters: its first reply, "+" when others follow.
func stepText(s fakevm.Step) string {
	if len(s.Replies) == 0 {
		return "-"
	}
	text := replyText(s.Replies[0].Reply)
	if n := s.Replies[0].Times; n > 0 {
		text += "x" + strconv.Itoa(n)
	}
	if len(s.Replies) > 1 {
		text += "+"
	}
	return text
}

func replyText(r fakevm.Reply) string {
	switch {
	case r.Connect != fakevm.Accept:
		return string(r.Connect)
	case r.ConnectDelay > 0:
		return oracle.Seconds(r.ConnectDelay)
	case r.HTTP != nil:
		return httpText(r.HTTP)
	case r.Agent != nil:
		return agentText(r.Agent)
	case r.Exec != nil:
		return execText(r.Exec)
	case r.TCP != nil && r.TCP.End != "" && r.TCP.End != fakevm.EndOpen:
		return string(r.TCP.End)
	}
	return "ok"
}

func httpText(r *fakevm.HTTPReply) string {
	switch {
	case r.Silent:
		return "hang"
	case r.Endless != "":
		return "endless"
	case r.Raw != "":
		return "raw"
	case r.Status == 0:
		return string(r.End)
	}
	text := strconv.Itoa(r.Status)
	switch {
	case r.StallAfter != nil || r.End == fakevm.EndOpen:
		text += " stall"
	case r.Delay > 0:
		text += " " + oracle.Seconds(r.Delay)
	}
	return text
}

func agentText(r *fakevm.AgentReply) string {
	switch {
	case r.Down:
		return "down"
	case r.Silent || r.SyncSilent:
		return "hang"
	case r.ErrorClass != "":
		return "error"
	case r.Raw != "" || r.Before != "" || r.RawBytes > 0:
		return "garbage"
	case r.Delay > 0:
		return oracle.Seconds(r.Delay)
	}
	return "ok"
}

func execText(r *fakevm.ExecReply) string {
	switch {
	case r.Hang:
		return "hang"
	case r.Missing:
		return "missing"
	case r.Signal != 0:
		return "killed"
	}
	return "exit " + strconv.FormatInt(r.Exit, 10)
}
