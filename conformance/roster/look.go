package roster

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// Text gives bytes as text when they are, else for base64.
func Text(b []byte) (string, []byte) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	return "", b
}

// Domain is what virt-launcher sees at a site.
func Domain(s *simbed.Site) *protocol.DomainAnswer {
	st := s.Domain()
	d := &protocol.DomainAnswer{
		Exists: st.Exists, Active: st.Active, Migrating: st.Migrating, ProbesPaused: st.ProbesPaused,
	}
	switch st.State {
	case guestagent.Running:
		d.State = "running"
	case guestagent.Paused:
		d.State, d.Reason = "paused", int(st.Reason)
	case guestagent.ShutOff:
		d.State = "shutoff"
	case guestagent.PMSuspended:
		d.State = "pmsuspended"
	default:
	}
	return d
}

// Exec runs a command in the container at a site.
func Exec(s *simbed.Site, r *protocol.ExecRequest) *protocol.ExecAnswer {
	exit, output, err := s.Exec(r.Argv, time.Duration(r.TimeoutNs))
	a := &protocol.ExecAnswer{Outcome: protocol.OK, Exit: exit}
	a.Text, a.Base64 = Text(output)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.Outcome = protocol.Timeout
	default:
		a.Outcome, a.Error = protocol.Failed, err.Error()
	}
	return a
}

// MayExec says why an action may not run a command in a container; nil: it
// may.
func (r *Roster) MayExec() *protocol.Violation {
	profile := r.Ground.Case().Profile
	if !profile.VM {
		return nil
	}
	return &protocol.Violation{
		Field: "exec", What: fmt.Sprintf("in profile %s there is no container to run commands in", profile.Name),
		Fix: "run it in the guest: agent commands guest-exec and guest-exec-status",
	}
}
