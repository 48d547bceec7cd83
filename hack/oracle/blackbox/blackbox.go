// Package blackbox holds our handlers against those of the Prometheus blackbox
// exporter, which nobody here wrote: its probers make the tries of every case
// that their options can express, untouched, over the simulated network.
package blackbox

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
	"github.com/prometheus/client_golang/prometheus"
	pconfig "github.com/prometheus/common/config"

	"github.com/vmprobe/vmprobe/probes"
)

// userAgent is what the kubelet sends; some guests look at it.
const userAgent = "kube-probe/1.37"

// moduleOf is the configuration that comes nearest to a probe of a manifest.
// Where it comes not near enough, a finding says so.
func moduleOf(p *probes.Probe) config.Module {
	m := config.DefaultModule
	m.Timeout = p.Timeout
	switch p.Handler {
	case probes.TCPSocket:
		m.Prober = "tcp"
		m.TCP.IPProtocol = "ip4"
	default:
		m.Prober = "http"
		m.HTTP.IPProtocol = "ip4"
		for code := 200; code < 400; code++ {
			m.HTTP.ValidStatusCodes = append(m.HTTP.ValidStatusCodes, code)
		}
		m.HTTP.Headers = map[string]string{"User-Agent": userAgent, "Accept": "*/*"}
		for _, h := range p.HTTP.Headers {
			name := http.CanonicalHeaderKey(h.Name)
			if m.HTTP.Headers[name] = h.Value; name == "Accept" && h.Value == "" {
				delete(m.HTTP.Headers, name) // they send none unless they are told to
			}
		}
		m.HTTP.HTTPClientConfig.TLSConfig = pconfig.TLSConfig{InsecureSkipVerify: true}
	}
	return m
}

// targetOf is what the probers call a target.
func targetOf(p *probes.Probe, pod string) string {
	host, port := p.TCP.Host, p.TCP.Port
	if p.Handler == probes.HTTPGet {
		host, port = p.HTTP.Host, p.HTTP.Port
	}
	if host == "" {
		host = pod
	}
	address := net.JoinHostPort(host, strconv.Itoa(port.Number))
	if p.Handler == probes.TCPSocket {
		return address
	}
	path := p.HTTP.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return strings.ToLower(p.HTTP.Scheme) + "://" + address + path
}

// probe makes a try, and returns what the prober said about it last.
func probe(ctx context.Context, m config.Module, target string) (success bool, said string) {
	var log last
	fn := prober.ProbeHTTP
	if m.Prober == "tcp" {
		fn = prober.ProbeTCP
	}
	success = fn(ctx, target, m, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(&log, nil)))
	return success, log.line
}

// last keeps the last line that was written.
type last struct{ line string }

var _ io.Writer = (*last)(nil)

func (l *last) Write(b []byte) (int, error) {
	l.line = strings.TrimSpace(string(b))
	return len(b), nil
}
