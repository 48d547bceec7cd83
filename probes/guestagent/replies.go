package guestagent

import "encoding/json"

// Replies remembers what lines of agents mean, for those who hear the same
// lines again and again. A nil *Replies reads each line anew. It must not be
// used by two goroutines at a time.
type Replies struct {
	lines    texts[parsedLine]
	started  texts[started]
	statuses texts[status]
}

// NewReplies remembers nothing yet.
func NewReplies() *Replies {
	return &Replies{texts[parsedLine]{}, texts[started]{}, texts[status]{}}
}

// Bounds of what is remembered of each kind.
const (
	maxTexts = 1 << 12
	maxText  = 1 << 10 // bytes
)

// texts is what lines mean.
type texts[T any] map[string]T

// read gives what a line means, as parse says.
func (t texts[T]) read(b []byte, parse func([]byte) T) T {
	if known, ok := t[string(b)]; ok {
		return known
	}
	meaning := parse(b)
	if t == nil || len(b) > maxText {
		return meaning
	}
	if len(t) >= maxTexts {
		clear(t)
	}
	t[string(b)] = meaning
	return meaning
}

// parsedLine is what parseLine says.
type parsedLine struct {
	message
	kind lineKind
}

func (r *Replies) line(b []byte) (message, lineKind) {
	if r == nil {
		return parseLine(b)
	}
	l := r.lines.read(b, func(b []byte) (l parsedLine) {
		l.message, l.kind = parseLine(b)
		return l
	})
	return l.message, l.kind
}

// started is the reply to guest-exec.
type started struct {
	pid int
	err error
}

func (r *Replies) start(b []byte) started {
	if r == nil {
		return parseStarted(b)
	}
	return r.started.read(b, parseStarted)
}

func parseStarted(b []byte) started {
	var r struct {
		Return struct {
			Pid int `json:"pid"`
		} `json:"return"`
	}
	err := json.Unmarshal(b, &r)
	return started{r.Return.Pid, err}
}

// status is the reply to guest-exec-status.
type status struct {
	Exited   bool   `json:"exited"`
	ExitCode int64  `json:"exitcode"` // wider than int on 32 bits
	Signal   int    `json:"signal"`   // for rules
	OutData  string `json:"out-data"`
	err      error
}

func (r *Replies) status(b []byte) status {
	if r == nil {
		return parseStatus(b)
	}
	return r.statuses.read(b, parseStatus)
}

func parseStatus(b []byte) status {
	var r struct {
		Return status `json:"return"`
	}
	err := json.Unmarshal(b, &r)
	r.Return.err = err
	return r.Return
}
