package simbed

import (
	"fmt"
	"net"
	"strconv"

	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// proxyEndpoint is the Value of a Violation at the proxy.
const proxyEndpoint = "proxy"

// trap opens the proxy that the environment of the prober names. It refuses
// everybody, and a connection to it is a violation (HTTP-NO-PROXY).
func (w *world) trap() error {
	if w.c.Proxy == "" {
		return nil
	}
	name, text, err := net.SplitHostPort(w.c.Proxy)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("proxy %s: %w", w.c.Proxy, err)
	}
	_, err = w.net.AddHost(name).Listen(uint16(port), func(string) network.Decision {
		w.tell(trace.Event{Kind: trace.Violation, Value: proxyEndpoint, Msg: "a connection to the proxy that the environment names"})
		return network.Decision{Connect: network.Refuse}
	})
	return err
}
