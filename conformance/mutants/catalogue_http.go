package mutants

import (
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

func httpStatus() []Mutant {
	return []Mutant{
		{"http-400-is-success", "HTTP-STATUS-RANGE", "the range of success ends with 400 inclusive", "semantics 2.1", byAttempt(attempt.Rules{StatusTo: 400})},
		{"http-only-200-is-success", "HTTP-STATUS-RANGE", "only 200 is success, as in many hand-written checks", "semantics 2.2", byAttempt(attempt.Rules{StatusFrom: 200, StatusTo: 200})},
		{"http-only-2xx-is-success", "HTTP-STATUS-RANGE", "a redirect that is not followed is a failure", "load balancers' health checks", byAttempt(attempt.Rules{StatusTo: 299})},
		{"http-201-begins-success", "HTTP-STATUS-RANGE", "the comparison with 200 is > and not >=", "off by one", byAttempt(attempt.Rules{StatusFrom: 201})},
		{"http-4xx-is-alive", "HTTP-STATUS-RANGE", "only 5xx is a failure: the server answered after all", "reverse proxies' passive checks", byAttempt(attempt.Rules{StatusTo: 499})},
		{"http-any-answer-is-success", "HTTP-STATUS-RANGE", "whatever the server answers is success", "suite 2.5", byAttempt(attempt.Rules{StatusTo: 999})},
		{"http-first-1xx-is-final", "HTTP-1XX", "an informational response is taken for the final one", "semantics 2.3", byAttempt(attempt.Rules{InterimIsFinal: true})},
		{"http-five-interim-responses", "HTTP-1XX", "more than five informational responses are a failure", "net/http before go1.23", byAttempt(attempt.Rules{InterimLimit: 5})},
		{"http-early-answer-is-error", "HTTP-SERVER-SPEAKS-FIRST", "an answer that comes before the request is the prober's own error", "the error of net/http passed up", byAttempt(attempt.Rules{EarlyIsError: true})},
		{"http-connect-is-success", "HTTP-STATUS-RANGE", "the handshake is all that is looked at", "probes of plain TCP monitors", byProbe(func(p *probes.Probe) {
			if p.Handler == probes.HTTPGet {
				p.Handler, p.TCP = probes.TCPSocket, probes.TCPTarget{Host: p.HTTP.Host, Port: p.HTTP.Port}
			}
		})},
		{"http-warning-is-failure", "THR-WARN-IS-SUCCESS", "a warning counts as a failure", "semantics 2.14", byResult(probes.NoHandler, probes.Warning, probes.Failure)},
		{"http-warning-is-discarded", "THR-WARN-IS-SUCCESS", "a warning counts as nothing", "yaook/operator work item 447", byResult(probes.NoHandler, probes.Warning, probes.Errored)},
		{"http-body-in-failure-event", "HTTP-NO-BODY-IN-EVENT", "the failure event shows the body, and what is secret in it", "semantics 1.4", byAttempt(attempt.Rules{BodyInMessage: true})},
	}
}

func httpRequest() []Mutant {
	return []Mutant{
		{"http-uses-head", "HTTP-METHOD", "the request is HEAD, to save bytes", "semantics 2.5", byAttempt(attempt.Rules{Method: "HEAD"})},
		{"http-uses-post", "HTTP-METHOD", "the request is POST", "semantics 2.5", byAttempt(attempt.Rules{Method: "POST"})},
		{"http-drops-query", "HTTP-URL", "the query of the path is lost", "semantics 2.6", byHTTP(func(r *probes.HTTPRequest) { r.Path, _, _ = strings.Cut(r.Path, "?") })},
		{"http-escapes-query", "HTTP-URL", "the path is escaped as a whole, with its question mark", "url.URL{Path: path}", byHTTP(func(r *probes.HTTPRequest) { r.Path = strings.ReplaceAll(r.Path, "?", "%3F") })},
		{"http-doubles-slash", "HTTP-URL", "host and path are joined by a slash too many", "semantics 2.7", byHTTP(func(r *probes.HTTPRequest) {
			if strings.HasPrefix(r.Path, "/") && len(r.Path) > 1 {
				r.Path = "/." + r.Path
			}
		})},
		{"http-path-without-slash", "HTTP-URL", "a path without leading slash is sent as it is", "semantics 2.7", byAttempt(attempt.Rules{NoSlash: true})},
		{"http-ignores-path", "HTTP-URL", "the request asks for / whatever the path", "swapped fields", byHTTP(func(r *probes.HTTPRequest) { r.Path = "/" })},
		{"http-ignores-custom-headers", "HTTP-HDR-CUSTOM", "httpHeaders are not sent", "semantics 2.8", byHTTP(func(r *probes.HTTPRequest) { r.Headers = nil })},
		{"http-repeated-header-overwrites", "HTTP-HDR-CUSTOM", "of a header given twice only the last value is sent", "http.Header.Set", byHTTP(func(r *probes.HTTPRequest) {
			var kept []probes.Header
			for i, h := range r.Headers {
				last := true
				for _, o := range r.Headers[i+1:] {
					last = last && !strings.EqualFold(o.Name, h.Name)
				}
				if last {
					kept = append(kept, h)
				}
			}
			r.Headers = kept
		})},
		{"http-sends-custom-framing", "HTTP-HDR-CUSTOM", "a custom Content-Length or Transfer-Encoding reaches the server, which waits for a body", "semantics 2.106", byAttempt(attempt.Rules{Framing: true})},
		{"http-host-header-dials", "HTTP-HDR-HOST", "the Host header changes where the probe connects to", "semantics 2.9", byAttempt(attempt.Rules{HostDials: true})},
		{"http-host-header-ignored", "HTTP-HDR-HOST", "a custom Host header is not sent: net/http takes it from Request.Host", "net/http's best known surprise", byHTTP(func(r *probes.HTTPRequest) {
			var kept []probes.Header
			for _, h := range r.Headers {
				if !strings.EqualFold(h.Name, "Host") {
					kept = append(kept, h)
				}
			}
			r.Headers = kept
		})},
		{"http-no-default-headers", "HTTP-HDR-DEFAULT", "neither User-Agent nor Accept is sent", "semantics 2.10", byAttempt(attempt.Rules{NoDefaults: true})},
		{"http-go-user-agent", "HTTP-HDR-DEFAULT", "the User-Agent is the library's", "http.Client without a header", byAttempt(attempt.Rules{UserAgent: "Go-http-client/1.1"})},
		{"http-accepts-gzip", "HTTP-HDR-DEFAULT", "the library asks for compression", "http.Transport without DisableCompression", byAttempt(attempt.Rules{ExtraHeader: "Accept-Encoding: gzip"})},
		{"http-keeps-alive", "HTTP-NO-KEEPALIVE", "the request does not ask for the end of the connection", "semantics 2.11", byAttempt(attempt.Rules{KeepAlive: true})},
		{"http-ignores-explicit-host", "HTTP-HOST-DEFAULT", "httpGet.host is ignored", "semantics 2.30", byHTTP(func(r *probes.HTTPRequest) { r.Host = "" })},
		{"http-ignores-scheme", "HTTP-TLS-NOVERIFY", "HTTPS is probed as HTTP", "swapped fields", byHTTP(func(r *probes.HTTPRequest) { r.Scheme = "HTTP" })},
		{"http-honours-proxy", "HTTP-NO-PROXY", "HTTP_PROXY of the environment is honoured", "semantics 2.12", byAttempt(attempt.Rules{Proxy: true})},
		{"http-empty-header-keeps-default", "HTTP-HDR-DEFAULT", "an empty User-Agent or Accept does not remove the default one", "http.Header.Get compared with the empty text", byHTTP(func(r *probes.HTTPRequest) {
			r.Headers = slices.DeleteFunc(r.Headers, func(h probes.Header) bool { return h.Value == "" })
		})},
		{"http-bad-header-value-is-discarded", "VAL-HEADER-NAME", "a header value that cannot be sent is the prober's own error", "errors that come before the connection", byResult(probes.HTTPGet, probes.Failure, probes.Errored, "invalid header field value")},
		{"http2-means-tls", "VAL-HTTP2", "protocol HTTP2 is taken to need TLS", "browsers, which speak HTTP/2 over TLS only", byHTTP2(func(r *probes.HTTPRequest) { r.Scheme = "HTTPS" })},
		{"http-default-port-80", "VAL-NAMED-PORT", "a port name that nobody knows becomes port 80", "strconv.Atoi with its error dropped", byHTTP(func(r *probes.HTTPRequest) {
			if r.Port.Number == 0 && r.Port.Name != "" {
				r.Port = probes.Port{Number: 80}
			}
		})},
	}
}

func httpRedirects() []Mutant {
	return []Mutant{
		{"http-follows-cross-host", "HTTP-REDIR-CROSS", "a redirect to another host is followed", "semantics 2.13", byAttempt(attempt.Rules{FollowAll: true})},
		{"http-cross-host-fails", "HTTP-REDIR-CROSS", "a redirect to another host is a failure", "semantics 2.14", byAttempt(attempt.Rules{CrossFails: true})},
		{"http-compares-host-and-port", "HTTP-REDIR-SAME", "a redirect to another port counts as one to another host", "semantics 2.15", byAttempt(attempt.Rules{SameMeansPort: true})},
		{"http-never-follows", "HTTP-REDIR-SAME", "no redirect is followed", "http.ErrUseLastResponse", byAttempt(attempt.Rules{NeverFollow: true})},
		{"http-no-redirect-limit", "HTTP-REDIR-LIMIT", "redirects are followed for ever", "semantics 2.16", byAttempt(attempt.Rules{Requests: 1 << 20})},
		{"http-nine-requests", "HTTP-REDIR-LIMIT", "the limit is nine requests", "off by one", byAttempt(attempt.Rules{Requests: 9})},
		{"http-eleven-requests", "HTTP-REDIR-LIMIT", "the limit is ten redirects, which is eleven requests", "off by one", byAttempt(attempt.Rules{Requests: 11})},
		{"http-redirect-loop-passes", "HTTP-REDIR-LIMIT", "too many redirects count as a redirect, hence as success", "semantics 2.17", byAttempt(attempt.Rules{LoopPasses: true})},
		{"http-bad-location-passes", "HTTP-REDIR-BAD", "a redirect to nowhere counts as success", "semantics 1.4", byAttempt(attempt.Rules{BadLocationPasses: true})},
		{"http-bare-redirect-fails", "HTTP-REDIR-CROSS", "a 3xx that is not followed is a failure", "semantics 1.4", byAttempt(attempt.Rules{BareRedirectFails: true})},
		{"http-redirect-drops-host", "HTTP-HDR-HOST", "a relative redirect loses the Host header", "semantics 2.18", byAttempt(attempt.Rules{RedirectDropsHost: true})},
		{"http-redirect-drops-headers", "HTTP-HDR-CUSTOM", "a redirect loses the custom headers", "curl without --location-trusted", byAttempt(attempt.Rules{RedirectDropsHeaders: true})},
	}
}

func httpBody() []Mutant {
	return []Mutant{
		{"http-reads-whole-body", "HTTP-BODY-LIMIT", "the body is read to its end", "semantics 2.19", byAttempt(attempt.Rules{BodyLimit: 1 << 40})},
		{"http-body-limit-1-kib", "HTTP-BODY-LIMIT", "only 1 KiB of the body is read", "wrong unit", byAttempt(attempt.Rules{BodyLimit: 1 << 10})},
		{"http-long-body-fails", "HTTP-BODY-LIMIT", "a body of more than 10 KiB is a failure", "semantics 2.20", byAttempt(attempt.Rules{LongBodyFails: true})},
		{"http-body-error-fails", "HTTP-BODY-ERROR", "an error in the body counts as a failure", "semantics 2.22", byAttempt(attempt.Rules{BodyErrorIs: probes.Failure})},
		{"http-body-error-passes", "HTTP-BODY-ERROR", "an error in the body does not matter, for the status was there", "semantics 2.24", byAttempt(attempt.Rules{BodyErrorIs: probes.Success})},
		{"http-status-decides", "HTTP-BODY-ERROR", "the status decides although the body breaks off", "semantics 2.23", byProfile(func(p *probes.Profile) {
			if !p.StatusDecides {
				p.StatusDecides = true
			}
		})},
		{"http-body-matters-in-doc", "HTTP-BODY-ERROR", "a body that breaks off is an error where the guide lets the status decide", "semantics 2.23", byProfile(func(p *probes.Profile) { p.StatusDecides = false })},
		{"http-needs-crlf", "HTTP-LF-ONLY", "lines have to end with CR and LF", "semantics 2.25", byAttempt(attempt.Rules{NeedsCRLF: true})},
		{"http-needs-length", "HTTP-LF-ONLY", "a response without Content-Length is a failure", "semantics 2.26", byAttempt(attempt.Rules{NeedsLength: true})},
		{"http-header-cap-4-kib", "HTTP-HDR-CAP", "headers of more than 4 KiB are a failure", "a fixed buffer", byAttempt(attempt.Rules{HeaderCap: 4 << 10})},
		{"http-huge-headers-are-discarded", "HTTP-HDR-CAP", "headers beyond the limit are the prober's own error", "a limit that is an error of the reader", byResult(probes.HTTPGet, probes.Failure, probes.Errored, "headers exceeded")},
	}
}

func httpConnection() []Mutant {
	awaiting := "awaiting headers"
	return []Mutant{
		{"http-refused-is-discarded", "HTTP-CONN-FAIL", "a refused connection is the prober's own error", "semantics 2.27", byResult(probes.HTTPGet, probes.Failure, probes.Errored, "refused")},
		{"http-timeout-is-discarded", "HTTP-TIMEOUT-SCOPE", "a timeout before the headers is the prober's own error", "context.DeadlineExceeded handled first", byResult(probes.HTTPGet, probes.Failure, probes.Errored, awaiting)},
		{"http-timeout-is-success", "HTTP-TIMEOUT-SCOPE", "a timeout is no failure: the server is only slow", "suite 2.5", byResult(probes.HTTPGet, probes.Failure, probes.Success, awaiting)},
		{"http-reset-is-discarded", "HTTP-CONN-FAIL", "a connection that ends before the headers is thrown away", "kubernetes#89898", byResult(probes.HTTPGet, probes.Failure, probes.Errored, "EOF", "reset")},
		{"http-idle-timeout", "HTTP-TIMEOUT-SCOPE", "every read has the whole timeout", "semantics 2.21", byAttempt(attempt.Rules{EachRead: true})},
		{"http-timeout-per-request", "HTTP-TIMEOUT-SCOPE", "every request of a chain of redirects has the whole timeout", "a client made anew for each hop", byAttempt(attempt.Rules{EachHop: true})},
		{"http-connect-timeout-only", "HTTP-TIMEOUT-SCOPE", "the timeout covers the handshake alone", "net.Dialer.Timeout", byAttempt(attempt.Rules{ConnectOnly: true})},
		{"http-body-without-timeout", "HTTP-TIMEOUT-SCOPE", "the timeout ends with the headers", "http.Transport.ResponseHeaderTimeout", byAttempt(attempt.Rules{HeadOnly: true})},
		{"http-verifies-certificates", "HTTP-TLS-NOVERIFY", "certificates are verified", "http.DefaultTransport", byAttempt(attempt.Rules{VerifyTLS: true})},
	}
}

func tcp() []Mutant {
	return []Mutant{
		{"tcp-sends-a-byte", "TCP-CONNECT-ONLY", "a byte is sent to see whether the connection lives", "semantics 2.31", byAttempt(attempt.Rules{TCPSends: "\n"})},
		{"tcp-expects-data", "TCP-CONNECT-ONLY", "the server has to say something", "suite 2.5", byAttempt(attempt.Rules{TCPWaits: true})},
		{"tcp-reset-is-failure", "TCP-POST-CONNECT-IRRELEVANT", "a connection that the peer ends at once is a failure", "semantics 2.32", byAttempt(attempt.Rules{TCPPeeks: true})},
		{"tcp-close-error-is-failure", "TCP-CLOSE-ERR-IGNORED", "an error of close is an error of the try", "semantics 2.36", byAttempt(attempt.Rules{TCPCloseFails: true})},
		{"tcp-resets-connection", "TCP-LINGER", "the connection is ended by a reset, to leave nothing in TIME_WAIT", "kubernetes#89898", byAttempt(attempt.Rules{TCPResets: true})},
		{"tcp-leaks-connections", "TCP-LINGER", "connections are never closed", "semantics 2.35", byAttempt(attempt.Rules{Leaks: true})},
		{"tcp-blackhole-is-discarded", "TCP-FAIL", "a handshake that is not answered is the prober's own error", "semantics 2.34", byResult(probes.TCPSocket, probes.Failure, probes.Errored, "timeout")},
		{"tcp-refused-is-discarded", "TCP-FAIL", "a refused handshake is the prober's own error", "semantics 2.27", byResult(probes.TCPSocket, probes.Failure, probes.Errored, "refused")},
		{"tcp-refused-is-success", "TCP-FAIL", "somebody answered, so the machine is there", "host monitors", byResult(probes.TCPSocket, probes.Failure, probes.Success, "refused")},
		{"tcp-timeout-is-success", "TCP-FAIL", "only a refusal is a failure", "suite 2.5", byResult(probes.TCPSocket, probes.Failure, probes.Success, "timeout")},
		{"tcp-ignores-host", "TCP-HOST", "tcpSocket.host is ignored", "semantics 2.30", byProbe(func(p *probes.Probe) { p.TCP.Host = "" })},
		{"tcp-port-as-http", "TCP-HOST", "the probe connects to port 80 whatever its port", "swapped fields", byProbe(func(p *probes.Probe) {
			if p.Handler == probes.TCPSocket {
				p.TCP.Port = probes.Port{Number: 80}
			}
		})},
	}
}
