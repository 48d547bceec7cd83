package protocol_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// TestURLs: a URL is sent as a client sends it.
func TestURLs(t *testing.T) {
	close := [2]string{"Connection", "close"}
	for _, tt := range []struct {
		url     string
		headers [][2]string
		want    protocol.HTTPRequest
	}{
		{
			url:  "http://10.244.0.2:8080/a b/%zz?c=d#e",
			want: protocol.HTTPRequest{Host: "10.244.0.2", Port: 8080, Target: "/a%20b/%25zz?c=d", Headers: [][2]string{{"Host", "10.244.0.2:8080"}, close}},
		},
		{
			url: "https://[fd00::2]", headers: [][2]string{{"Content-Length", "3"}, {"X", "1"}, {"X", "2"}, {"host", "app"}, {"Connection", "close"}},
			want: protocol.HTTPRequest{
				Host: "fd00::2", Port: 443, TLS: true, Target: "/",
				Headers: [][2]string{{"Host", "app"}, {"X", "1"}, {"X", "2"}, close},
			},
		},
	} {
		tt.want.Method, tt.want.ServerName = "GET", tt.want.Host
		got, err := (&protocol.HTTPRequest{URL: tt.url, Headers: tt.headers}).Plain()
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.url, diff)
		}
	}
	for _, bad := range []protocol.HTTPRequest{
		{URL: "ftp://a/"},
		{URL: "http:///a"},
		{URL: "http://a:99999/"},
		{URL: "http://a/", Headers: [][2]string{{"X", "a\r\nY: b"}}},
		{URL: "http://a/", Headers: [][2]string{{"X Y", "a"}}},
	} {
		if got, err := bad.Plain(); err == nil {
			t.Errorf("%v is sent as %v", bad, got)
		}
	}
}

// TestRedirects: where a response leads to, seen from the URL that was asked.
func TestRedirects(t *testing.T) {
	from := protocol.HTTPRequest{URL: "http://app:8080/a/b"}
	for _, tt := range []struct {
		status   int
		location string
		want     *protocol.Redirect
	}{
		{200, "/x", nil},
		{304, "/x", nil},
		{302, "", nil},
		{302, "c?d", &protocol.Redirect{URL: "http://app:8080/a/c?d", Relative: true}},
		{307, "https://app/", &protocol.Redirect{URL: "https://app/"}},
		{301, "//other/", &protocol.Redirect{URL: "http://other/", Relative: true}},
		{308, "http://app:port/", &protocol.Redirect{Error: `failed to parse Location header "http://app:port/": invalid port ":port" after host`}},
	} {
		if diff := cmp.Diff(tt.want, from.RedirectOf(tt.status, tt.location)); diff != "" {
			t.Errorf("%d %s:\n%s", tt.status, tt.location, diff)
		}
	}
}
