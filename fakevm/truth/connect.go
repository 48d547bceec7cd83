package truth

import (
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// connect is how far a try gets with its handshake: the instant at which the
// client has the connection, or the verdict that ends it.
func connect(a Answer, timeout time.Duration, net NetModel) (when time.Duration, end Verdict, ok bool) {
	rtt := 2 * net.OneWay
	if a.Reply == nil || a.Reply.Connect == fakevm.Refuse {
		if rtt >= timeout {
			return 0, at(probes.Failure, timeout, "TCP-FAIL"), false
		}
		return 0, at(probes.Failure, rtt, "TCP-FAIL"), false
	}
	if a.Reply.Connect == fakevm.Blackhole {
		return 0, at(probes.Failure, timeout, "TCP-FAIL"), false
	}
	when = rtt + a.Reply.ConnectDelay
	if when > timeout {
		return 0, at(probes.Failure, timeout, "TCP-FAIL"), false
	}
	return when, Verdict{}, true
}

// tcpTry is semantics 1.5: the handshake decides, nothing after it counts.
func tcpTry(p *probes.Probe, a Answer, net NetModel) Verdict {
	if unresolved(p.TCP.Port) {
		return at(probes.Errored, 0, "VAL-PORT")
	}
	when, end, ok := connect(a, p.Timeout, net)
	if !ok {
		return end
	}
	v := at(probes.Success, when, "TCP-CONNECT-ONLY")
	if when == p.Timeout { // the SYN-ACK and the deadline share an instant
		v = either(v, at(probes.Failure, when, "TCP-FAIL"))
	}
	if a.Reply.TCP != nil && a.Reply.TCP.Backlog > 0 {
		// Whether there is room depends on earlier connections.
		v = either(v, at(probes.Failure, p.Timeout, "TCP-POST-CONNECT-IRRELEVANT"))
	}
	return v
}
