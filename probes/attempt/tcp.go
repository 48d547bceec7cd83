package attempt

import (
	"fmt"
	"net"
	"strconv"

	"github.com/vmprobe/vmprobe/probes"
)

// TCP makes one try of a tcpSocket probe: it succeeds if and only if the
// connection is established before the timeout; not a byte is sent or read
// (TCP-CONNECT-ONLY) and what closing says is ignored (TCP-CLOSE-ERR-IGNORED).
func TCP(env Env, t *Target) probes.Result {
	p := t.prepare()
	if p.err != nil {
		return probes.Result{Class: probes.Errored, Message: p.err.Error()}
	}
	deadline := env.Now().Add(t.Probe.Timeout)
	conn, err := env.Dial(p.dial, deadline)
	if err == nil {
		err = t.Rules.connected(env, conn, deadline)
	}
	if err != nil {
		return probes.Result{Class: probes.Failure, Message: dialError(p.dial, err).Error()}
	}
	if t.Rules.leaks() {
		return probes.Result{Class: probes.Success}
	}
	return t.Rules.closed(conn.Close())
}

func tcpAddress(target *probes.TCPTarget, address string) (string, error) {
	port, err := resolvePort(target.Port)
	if err != nil {
		return "", err
	}
	host := target.Host
	if host == "" {
		host = address
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// resolvePort turns a port into a number or an error of the prober itself
// (VAL-PORT, VAL-NAMED-PORT): a name that no container port has is tried as a
// number, as the kubelet does.
func resolvePort(p probes.Port) (int, error) {
	port := p.Number
	if port == 0 && p.Name != "" {
		n, err := strconv.Atoi(p.Name)
		if err != nil {
			return 0, err
		}
		port = n
	}
	if port > 0 && port < 65536 {
		return port, nil
	}
	return 0, fmt.Errorf("invalid port number: %d", port)
}
