// Package guestlog is what a guest tells that has nothing but a log: a
// container's, or the serial console of a VM. Each Report is one line of JSON,
// written at once; what else is in the log is no report.
package guestlog

import (
	"encoding/json"
	"io"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// Version is the version of the reports. A harness takes no other.
const Version = 2

// What a guest tells.
const (
	EventHello     = "hello"     // the process runs; the first report of each
	EventBoot      = "boot"      // the guest begins
	EventSaw       = "saw"       // Endpoint; Did or Seen
	EventViolation = "violation" // Endpoint, Note: the peer did what it must not
	EventExhausted = "exhausted" // Endpoint: the script had no reply left
	EventStep      = "step"      // Endpoint, As: another step is in force
	EventPower     = "power"     // Power: what the guest did to itself
	EventTerm      = "term"      // SIGTERM came, or the power button was pressed
	EventTrouble   = "trouble"   // Note: the guest cannot do what it has to
	EventLate      = "late"      // Late: the guest was not let run for so long
)

// Report is one line of the guest's log.
type Report struct {
	Version int `json:"vmprobe"`
	// Container counts the containers of the pod, or the boots of the VM, from 1;
	// Seq the reports of this one, from 1.
	Container int `json:"container"`
	Seq       int `json:"seq"`
	// Wall is the node's clock; At the time since the first container began.
	Wall     time.Time     `json:"wall"`
	At       time.Duration `json:"at"`
	Event    string        `json:"event"`
	Endpoint string        `json:"endpoint,omitempty"`
	Seen     string        `json:"seen,omitempty"`
	Did      *fakevm.Reply `json:"did,omitempty"`
	Unasked  bool          `json:"unasked,omitempty"` // see fakevm.Record
	As       string        `json:"as,omitempty"`
	Power    string        `json:"power,omitempty"` // as in traces: crashed, hung, ...
	Note     string        `json:"note,omitempty"`
	Late     time.Duration `json:"late,omitempty"`
	// Progress is how far the scripts have come, of a guest that keeps nothing.
	Progress []fakevm.Progress `json:"progress,omitempty"`
}

// Parse reads one line of a log; false: it is no report.
func Parse(line []byte) (Report, bool) {
	var r Report
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &r) != nil {
		return Report{}, false
	}
	return r, r.Version > 0 && r.Container > 0 && r.Seq > 0 && r.Event != ""
}

// Teller writes reports. It is called under the guest's lock.
type Teller struct {
	Out io.Writer
	// Container counts the containers of the pod, from 1; a VM counts its boots.
	Container int
	Now       func() time.Duration // since the first container began
	Wall      func() time.Time     // the node's clock
	seq       int
}

// Tell numbers a report, writes what time it is on it, and writes it.
func (t *Teller) Tell(r Report) {
	t.seq++
	r.Version, r.Container, r.Seq, r.Wall, r.At = Version, t.Container, t.seq, t.Wall().Round(0), t.Now()
	data, err := json.Marshal(r)
	if err != nil { // a Report holds nothing that JSON cannot hold
		panic(err)
	}
	_, _ = t.Out.Write(append(data, '\n')) // a log that is full loses reports; the harness counts them
}

// Saw turns what a guest logs into a report.
func Saw(r fakevm.Record) Report {
	report := Report{Event: EventSaw, Endpoint: r.Endpoint, Seen: r.Seen, Did: r.Did, Unasked: r.Unasked, Note: r.Note}
	switch {
	case r.Exhausted:
		report.Event = EventExhausted
	case r.Violation:
		report.Event, report.Did = EventViolation, nil
	case r.Did == nil && r.Seen == "":
		report.Event = EventTrouble
	}
	return report
}
