package attempt_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

func redirectTo(location string) string {
	return "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nContent-Length: 4\r\n\r\nbody"
}

// pages answers by request target.
func pages(byTarget map[string]string) *server {
	return &server{play: func(request string) []step {
		if page, ok := byTarget[strings.Fields(request)[1]]; ok {
			return []step{{data: page}, fin}
		}
		return []step{{data: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}, fin}
	}}
}

const (
	page200 = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	page500 = "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"
)

// Reference: HTTP-REDIR-SAME, HTTP-REDIR-CROSS, HTTP-REDIR-BAD.
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		name, location string
		class          byte
		says           string
		dials          int
	}{
		{"relative to 200", "/ok", 'S', "", 2},
		{"relative to 500", "/bad", 'F', "HTTP probe failed with statuscode: 500", 2},
		{"same host, other port", "http://10.0.0.2:9090/ok", 'S', "", 2},
		{"same host, other port, 500", "http://10.0.0.2:9090/bad", 'F', "statuscode: 500", 2},
		{"same host, default port", "http://10.0.0.2/", 'F', "dial tcp 10.0.0.2:80: connect: connection refused", 2},
		{"same host, https, nothing there", "https://10.0.0.2/", 'F', "dial tcp 10.0.0.2:443", 2},
		{"scheme relative", "//10.0.0.2:9090/ok", 'S', "", 2},
		{"cross host", "http://10.0.0.3:8080/", 'W', "Probe terminated redirects, Response body: body", 1},
		{"cross host by name", "http://localhost:8080/", 'W', "Response body: body", 1},
		{"no host at all", "http:///x", 'W', "", 1},
		{"empty location", "", 'W', "Response body: body", 1},
		{"unparsable", "http://10.0.0.2:port/", 'F', `failed to parse Location header "http://10.0.0.2:port/"`, 1},
		{"bad escape", "/%zz", 'F', "failed to parse Location header", 1},
		{"unsupported scheme", "ftp://10.0.0.2/x", 'F', "unsupported protocol scheme", 1},
		{"other scheme, other host", "file:///etc/passwd", 'W', "", 1},
		{"loop", "/", 'F', "Get \"/\": stopped after 10 redirects", 10},
	} {
		w := newWorld()
		site := pages(map[string]string{"/": redirectTo(c.location), "/ok": page200, "/bad": page500})
		w.servers["10.0.0.2:8080"], w.servers["10.0.0.2:9090"] = site, site
		got := attempt.Try(w, target(get("/")))
		if got.Class.Letter() != c.class || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: got %c %q", c.name, got.Class.Letter(), got.Message)
		}
		if len(w.dials) != c.dials || w.closed != min(c.dials, len(w.requests)) {
			t.Errorf("%s: dialled %v, closed %d", c.name, w.dials, w.closed)
		}
	}
}

// Reference: HTTP-REDIR-LIMIT: nine redirects then 200 pass, ten do not.
func TestRedirectLimit(t *testing.T) {
	for hops, class := range map[int]byte{9: 'S', 10: 'F'} {
		site := map[string]string{}
		for i := range hops {
			site["/"+strconv.Itoa(i)] = redirectTo("/" + strconv.Itoa(i+1))
		}
		site["/"+strconv.Itoa(hops)] = page200
		w := newWorld()
		w.servers["10.0.0.2:8080"] = pages(site)
		if got := attempt.Try(w, target(get("/0"))); got.Class.Letter() != class || len(w.requests) != 10 {
			t.Errorf("%d redirects: got %v after %d requests", hops, got, len(w.requests))
		}
	}
}

// Reference: HTTP-TIMEOUT-SCOPE: a stalled body of a redirect is waited for,
// and the next request then has no time left.
func TestRedirectBodyStall(t *testing.T) {
	w := newWorld()
	w.servers["10.0.0.2:8080"] = &server{play: func(request string) []step {
		if strings.HasPrefix(request, "GET / ") {
			return []step{{data: "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 100\r\n\r\nhalf"}}
		}
		return []step{{data: page200}}
	}}
	if got := attempt.Try(w, target(get("/"))); got.Class != probes.Failure || !strings.Contains(got.Message, "awaiting headers") {
		t.Errorf("got %v", got)
	}
}

// Reference: HTTP-HDR-HOST, HTTP-HDR-CUSTOM: what a redirect carries along.
func TestRedirectHeaders(t *testing.T) {
	p := get("/a")
	p.HTTP.Headers = []probes.Header{
		{Name: "host", Value: "vhost"},
		{Name: "X-Two", Value: "b"},
		{Name: "x-two", Value: "a"},
		{Name: "Content-Type", Value: "text/x"},
		{Name: "Authorization", Value: "secret"},
	}
	w := newWorld()
	w.servers["10.0.0.2:8080"] = pages(map[string]string{
		"/a": redirectTo("/b"), "/b": redirectTo("http://10.0.0.2:8080/c"), "/c": page200,
	})
	if got := attempt.Try(w, target(p)); got.Class != probes.Success {
		t.Fatalf("got %v", got)
	}
	const tail = "Accept: */*\r\nAuthorization: secret\r\n"
	want := []string{
		"GET /a HTTP/1.1\r\nHost: vhost\r\nUser-Agent: kube-probe/1.37\r\n" + tail +
			"Content-Type: text/x\r\nX-Two: b\r\nX-Two: a\r\nConnection: close\r\n\r\n",
		"GET /b HTTP/1.1\r\nHost: vhost\r\nUser-Agent: kube-probe/1.37\r\n" + tail +
			"Referer: http://10.0.0.2:8080/a\r\nX-Two: b\r\nX-Two: a\r\nConnection: close\r\n\r\n",
		"GET /c HTTP/1.1\r\nHost: 10.0.0.2:8080\r\nUser-Agent: kube-probe/1.37\r\n" + tail +
			"Referer: http://10.0.0.2:8080/b\r\nX-Two: b\r\nX-Two: a\r\nConnection: close\r\n\r\n",
	}
	if diff := cmp.Diff(want, w.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Reference: HTTP-URL, HTTP-METHOD.
func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"":                "/",
		"/":               "/",
		"healthz":         "/healthz",
		"/h?x=1&y":        "/h?x=1&y",
		"/h#frag":         "/h",
		"?x=1":            "/?x=1",
		"/%zz":            "/%25zz",
		"/a b":            "/a%20b",
		"/\n":             "/%0A",
		"//evil/x":        "/x",
		"http://o:9/x":    "/x",
		"http://u:p@o/x":  "/x",
		"/ünïcode":        "/%C3%BCn%C3%AFcode",
		"/already%20done": "/already%20done",
	} {
		w := newWorld()
		w.servers["10.0.0.2:8080"] = respond(page200, fin)
		got := attempt.Try(w, target(get(path)))
		if got.Class != probes.Success || len(w.requests) != 1 {
			t.Errorf("%q: got %v", path, got)
			continue
		}
		if line, _, _ := strings.Cut(w.requests[0], "\r\n"); line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%q: sent %q", path, line)
		}
		if !strings.Contains(w.requests[0], "\r\nHost: 10.0.0.2:8080\r\n") {
			t.Errorf("%q: sent %q", path, w.requests[0])
		}
	}
	w := newWorld()
	if got := attempt.Try(w, target(get("a:b"))); got.Class != probes.Failure || !strings.Contains(got.Message, "http: no Host in request URL") || len(w.dials) != 0 {
		t.Errorf("a:b: got %v", got)
	}
}

// Reference: HTTP-HDR-CUSTOM, HTTP-HDR-DEFAULT, VAL-HEADER-NAME.
func TestHeaders(t *testing.T) {
	const start = "GET / HTTP/1.1\r\nHost: 10.0.0.2:8080\r\n"
	const agent, accept, end = "User-Agent: kube-probe/1.37\r\n", "Accept: */*\r\n", "Connection: close\r\n\r\n"
	for _, c := range []struct {
		headers []probes.Header
		want    string // empty: F without a connection
	}{
		{nil, start + agent + accept + end},
		{[]probes.Header{{Name: "Custom-Header", Value: "Awesome"}}, start + agent + accept + "Custom-Header: Awesome\r\n" + end},
		{[]probes.Header{{Name: "User-Agent"}, {Name: "Accept"}}, start + end},
		{[]probes.Header{{Name: "user-agent", Value: "me"}, {Name: "ACCEPT", Value: "a/b"}}, start + "User-Agent: me\r\nAccept: a/b\r\n" + end},
		{[]probes.Header{{Name: "Content-Length", Value: "5"}, {Name: "Transfer-Encoding", Value: "chunked"}}, start + agent + accept + end},
		{[]probes.Header{{Name: "Connection", Value: "close"}}, start + agent + accept + "Connection: close\r\n\r\n"},
		{[]probes.Header{{Name: "Connection", Value: "keep-alive"}}, start + agent + accept + "Connection: keep-alive\r\n" + end},
		{[]probes.Header{{Name: "X", Value: "a\nb"}}, ""},
		{[]probes.Header{{Name: "bad name", Value: "a"}}, ""},
		{[]probes.Header{{Name: "X", Value: "  padded  "}}, start + agent + accept + "X: padded\r\n" + end},
	} {
		w := newWorld()
		w.servers["10.0.0.2:8080"] = respond(page200, fin)
		p := get("/")
		p.HTTP.Headers = c.headers
		got := attempt.Try(w, target(p))
		if c.want == "" {
			if got.Class != probes.Failure || len(w.dials) != 0 || !strings.Contains(got.Message, "net/http: invalid header field") {
				t.Errorf("%v: got %v, dialled %v", c.headers, got, w.dials)
			}
			continue
		}
		if got.Class != probes.Success {
			t.Errorf("%v: got %v", c.headers, got)
		}
		if diff := cmp.Diff([]string{c.want}, w.requests); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.headers, diff)
		}
	}
}
