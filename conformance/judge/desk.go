package judge

import (
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
)

// Desk is memory in which judgements are made one after the other. The zero
// value is empty.
type Desk struct {
	history history.Desk
	got     []happening
	want    []wanted
	marks   []history.Mark
	words   []string
	pattern pattern
}

// deed is what happens, or is to happen. It becomes words when somebody reads
// of it.
type deed struct {
	what, value string // "ready", " -> true"
	instance    int32  // whose liveness failed; 0: none in particular
}

func (d deed) String() string {
	if d.instance > 0 {
		return fmt.Sprintf("%s of instance %d failed", d.what, d.instance)
	}
	return d.what + d.value
}
