package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The doors of hello.
const (
	// Lockstep is the door in virtual time; a hello without a door means it.
	Lockstep = "lockstep"
	// Sockets is the door for probers with a clock and sockets of their own.
	Sockets = "sockets"
)

// Report is a line that a prober of the sockets door writes without being
// asked: what it does at the moment. Behind the lockstep door it does so in
// its answers.
type Report struct {
	// Run is that of the open message of the case; a prober that takes one
	// case at a time may leave it out.
	Run int64 `json:"run,omitempty"`
	// Do are the actions, in order: ready, live, started, liveFailed, result,
	// report and ask.
	Do []Action `json:"do"`
}

// DecodeLine reads and checks a line of a prober of the sockets door: the
// answer to a message, which asked finds by its seq, or a report. Exactly one
// of the results is not nil, or there is an error.
func DecodeLine(line []byte, asked func(seq int64) *Request) (*Reply, *Report, error) {
	var head struct {
		Seq *int64 `json:"seq"`
	}
	if json.Unmarshal(line, &head) == nil && head.Seq != nil {
		to := asked(*head.Seq)
		if to == nil {
			return nil, nil, &Violation{Line: Excerpt(line), Field: "seq", What: fmt.Sprintf("there is no message %d to be answered", *head.Seq), Fix: "answer each message once, with its seq; a report has none"}
		}
		r, err := DecodeReply(line, to)
		return r, nil, err
	}
	var r Report
	if err := decode(line, &r, 0); err != nil {
		if v, ok := errors.AsType[*Violation](err); ok && v.Field != "" {
			v.Line = Excerpt(line)
		}
		return nil, nil, err
	}
	c := &checker{line: Excerpt(line)}
	r.check(c)
	if c.first != nil {
		return nil, nil, c.first
	}
	return nil, &r, nil
}

// check holds a report to the rules of the sockets door.
func (r *Report) check(c *checker) {
	c.notNegative("run", r.Run)
	if len(r.Do) == 0 {
		c.fail("do", "leave such a line out", "the report says nothing")
	}
	for i := range r.Do {
		c.list, c.index = "do", i
		r.Do[i].checkReport(c)
	}
	c.list = ""
}

// reportVerbs are the actions of reports.
//
//nolint:gochecknoglobals // a constant
var reportVerbs = []string{
	string(Ready), string(Live), string(Started), string(LiveFailed), string(Result), string(TellEvent), string(Ask),
}

func (a *Action) checkReport(c *checker) {
	switch a.Do {
	case Try, Cancel:
		c.fail("do", "leave it out; result tells what became of an attempt", "%q belongs to the lockstep door: here a prober makes its own tries", a.Do)
	default:
		c.oneOf("do", string(a.Do), reportVerbs...)
	}
	c.given("vm", a.VM)
	c.positive("instance", int64(a.Instance))
	switch a.Do {
	case Ready, Live, Started:
		c.state(a)
	case LiveFailed:
		if a.Probe != "" {
			c.oneOf("probe", a.Probe, kinds[1:]...)
		}
	case Result:
		c.oneOf("probe", a.Probe, kinds...)
		c.oneOf("class", a.Class, classes...)
	case TellEvent:
		c.given("reason", a.Reason)
	case Ask:
		c.positive("id", a.ID)
	default:
	}
	asked := a.exchanges()
	const fix = "connect to the address and the agentSocket of containerStarted; domain and exec may be asked for"
	switch {
	case a.HTTP != nil || a.TCP != nil || a.Agent != nil:
		c.fail(asked[0], fix, "behind the sockets door a prober makes its own exchanges")
	case len(asked) > 0 && a.Do != Ask:
		c.fail("do", `"do":"ask" asks`, "%q asks for nothing", a.Do)
	case len(asked) != 1 && a.Do == Ask:
		c.fail("domain", fix, "%s", "it asks for "+strings.Join(append(asked, "nothing")[:max(len(asked), 1)], " and "))
	}
	if a.Exec != nil {
		a.Exec.check(c)
	}
}
