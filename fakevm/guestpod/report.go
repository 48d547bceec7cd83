package guestpod

import (
	"encoding/json"
	"io"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// Version is the version of the reports. A harness takes no other.
const Version = 1

// What a guest tells.
const (
	EventHello     = "hello"     // the process runs; the first report of each
	EventBoot      = "boot"      // the guest begins
	EventSaw       = "saw"       // Endpoint; Did or Seen
	EventViolation = "violation" // Endpoint, Note: the peer did what it must not
	EventExhausted = "exhausted" // Endpoint: the script had no reply left
	EventStep      = "step"      // Endpoint, As: another step is in force
	EventPower     = "power"     // Power: what the guest did to itself
	EventTerm      = "term"      // SIGTERM came
	EventTrouble   = "trouble"   // Note: the guest cannot do what it has to
	EventLate      = "late"      // Late: the container was not let run for so long
)

// Report is one line of the guest's log.
type Report struct {
	Version int `json:"vmprobe"`
	// Container counts the containers of the pod, from 1; Seq the reports of
	// this one, from 1.
	Container int `json:"container"`
	Seq       int `json:"seq"`
	// Wall is the node's clock; At the time since the first container began.
	Wall     time.Time     `json:"wall"`
	At       time.Duration `json:"at"`
	Event    string        `json:"event"`
	Endpoint string        `json:"endpoint,omitempty"`
	Seen     string        `json:"seen,omitempty"`
	Did      *fakevm.Reply `json:"did,omitempty"`
	As       string        `json:"as,omitempty"`
	Power    string        `json:"power,omitempty"` // as in traces: crashed, hung, ...
	Note     string        `json:"note,omitempty"`
	Late     time.Duration `json:"late,omitempty"`
}

// Parse reads one line of a log; false: it is no report.
func Parse(line []byte) (Report, bool) {
	var r Report
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &r) != nil {
		return Report{}, false
	}
	return r, r.Version > 0 && r.Container > 0 && r.Seq > 0 && r.Event != ""
}

// teller writes reports. It is called under the guest's lock.
type teller struct {
	out       io.Writer
	container int
	seq       int
	now       func() time.Duration
}

func (t *teller) tell(r Report) {
	t.seq++
	r.Version, r.Container, r.Seq, r.Wall, r.At = Version, t.container, t.seq, time.Now().Round(0), t.now()
	data, err := json.Marshal(r)
	if err != nil { // a Report holds nothing that JSON cannot hold
		panic(err)
	}
	_, _ = t.out.Write(append(data, '\n')) // a log that is full loses reports; the harness counts them
}

// saw turns what the guest logs into a report.
func (t *teller) saw(r fakevm.Record) {
	report := Report{Event: EventSaw, Endpoint: r.Endpoint, Seen: r.Seen, Did: r.Did, Note: r.Note}
	switch {
	case r.Exhausted:
		report.Event = EventExhausted
	case r.Violation:
		report.Event, report.Did = EventViolation, nil
	case r.Did == nil && r.Seen == "":
		report.Event = EventTrouble
	}
	t.tell(report)
}
