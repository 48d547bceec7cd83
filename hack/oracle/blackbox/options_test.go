package blackbox

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/blackbox_exporter/config"
	pconfig "github.com/prometheus/common/config"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/door/overlay"
)

// options are theirs, tried on the servers of a fake VM, which must look to a
// client that nobody here wrote as real ones do.
var options = []struct {
	name    string
	port    string // and scheme
	set     func(m *config.Module, pod string)
	success bool
}{
	{"plain", "http:80", nil, true},
	{"prefers IPv6 and falls back", "http:80", func(m *config.Module, _ string) { m.HTTP.IPProtocol = "ip6" }, true},
	{"IPv6 only", "http:80", func(m *config.Module, _ string) {
		m.HTTP.IPProtocol, m.HTTP.IPProtocolFallback = "ip6", false
	}, false},
	{"status list", "http:80", func(m *config.Module, _ string) { m.HTTP.ValidStatusCodes = []int{204} }, false},
	{"version", "http:80", func(m *config.Module, _ string) { m.HTTP.ValidHTTPVersions = []string{"HTTP/1.1"} }, true},
	{"other version", "http:80", func(m *config.Module, _ string) { m.HTTP.ValidHTTPVersions = []string{"HTTP/2.0"} }, false},
	{"HTTP/2 asked for in clear text", "http:80", func(m *config.Module, _ string) { m.HTTP.HTTPClientConfig.EnableHTTP2 = true }, true},
	{"body", "http:80", body("^all is well"), true},
	{"another body", "http:80", body("^nothing"), false},
	{"forbidden body", "http:80", func(m *config.Module, _ string) {
		m.HTTP.FailIfBodyMatchesRegexp = []config.Regexp{config.MustNewRegexp("well")}
	}, false},
	{"header", "http:80", header("X-State", "^serving$"), true},
	{"another header", "http:80", header("X-State", "^draining$"), false},
	{"method", "http:80", func(m *config.Module, _ string) { m.HTTP.Method = "HEAD" }, true},
	{"a longer body than allowed", "http:82", func(m *config.Module, _ string) { m.HTTP.BodySizeLimit = 10 << 10 }, false},
	{"the body in full", "http:82", nil, true},
	{"redirects without end", "http:81", nil, false},
	{"redirect not followed", "http:81", func(m *config.Module, _ string) {
		m.HTTP.HTTPClientConfig.FollowRedirects, m.HTTP.ValidStatusCodes = false, []int{302}
	}, true},
	{"TLS", "https:443", insecure(true), true},
	{"TLS with HTTP/2 offered", "https:443", func(m *config.Module, pod string) {
		insecure(true)(m, pod)
		m.HTTP.HTTPClientConfig.EnableHTTP2 = true
	}, true},
	{"TLS verified", "https:443", insecure(false), false},
	{"no TLS wanted", "https:443", func(m *config.Module, pod string) {
		insecure(true)(m, pod)
		m.HTTP.FailIfSSL = true
	}, false},
	{"TLS wanted", "http:80", func(m *config.Module, _ string) { m.HTTP.FailIfNotSSL = true }, false},
	{"proxy", "proxy", func(m *config.Module, pod string) {
		m.HTTP.HTTPClientConfig.ProxyURL = pconfig.URL{URL: &url.URL{Scheme: "http", Host: net.JoinHostPort(pod, "3128")}}
	}, true},
	{"without the proxy", "proxy", nil, false},
	{"connect", "tcp:25", nil, true},
	{"banner", "tcp:25", func(m *config.Module, _ string) {
		m.TCP.QueryResponse = []config.QueryResponse{{Expect: config.MustNewRegexp("^220 .* ESMTP"), Send: "QUIT"}}
	}, true},
	{"another banner", "tcp:25", func(m *config.Module, _ string) {
		m.TCP.QueryResponse = []config.QueryResponse{{Expect: config.MustNewRegexp("^SSH-2.0")}}
	}, false},
	{"TLS on a server without", "tcp:25", func(m *config.Module, _ string) { m.TCP.TLS = true }, false},
	{"TLS on TCP", "tcp:443", func(m *config.Module, _ string) {
		m.TCP.TLS, m.TCP.TLSConfig.InsecureSkipVerify = true, true
	}, true},
	{"closed port", "tcp:27", nil, false},
	{"packets lost", "tcp:26", nil, false},
}

func body(re string) func(*config.Module, string) {
	return func(m *config.Module, _ string) {
		m.HTTP.FailIfBodyNotMatchesRegexp = []config.Regexp{config.MustNewRegexp(re)}
	}
}

func header(name, re string) func(*config.Module, string) {
	return func(m *config.Module, _ string) {
		m.HTTP.FailIfHeaderNotMatchesRegexp = []config.HeaderMatch{{Header: name, Regexp: config.MustNewRegexp(re)}}
	}
}

func insecure(skip bool) func(*config.Module, string) {
	return func(m *config.Module, _ string) { m.HTTP.HTTPClientConfig.TLSConfig.InsecureSkipVerify = skip }
}

func TestOptions(t *testing.T) {
	const timeout = 3 * time.Second
	tried := 0
	probes := door.Containers(func(ctx context.Context, _ *door.Probe, c door.Container) {
		for _, o := range options {
			m := config.DefaultModule
			m.HTTP.IPProtocol, m.TCP.IPProtocol = "ip4", "ip4"
			if o.set != nil {
				o.set(&m, c.Address)
			}
			scheme, port, _ := net.SplitHostPort(o.port)
			target := net.JoinHostPort(c.Address, port)
			switch m.Prober = "http"; scheme {
			case "tcp":
				m.Prober = "tcp"
			case "":
				target = "http://10.99.0.1:80/" // nobody is there
			default:
				target = fmt.Sprintf("%s://%s/", scheme, target)
			}
			limited, cancel := context.WithTimeout(ctx, timeout)
			began := time.Now()
			success, said := probe(limited, m, target)
			cancel()
			if took := time.Since(began); success != o.success || took > timeout {
				t.Errorf("%s: success %t after %v, want %t: %s", o.name, success, took, o.success, said)
			}
			tried++
			time.Sleep(time.Second)
		}
		<-ctx.Done()
	})
	job := jobs(t, "testdata/options.yaml")[0]
	bed := bubble.Bed{Factory: func() door.Prober { return probes }, Hook: overlay.Install}
	if _, err := bed.Run(t.Context(), job.Case, 1); err != nil {
		t.Fatal(err)
	}
	if tried != len(options) {
		t.Errorf("%d of %d options were tried", tried, len(options))
	}
}
