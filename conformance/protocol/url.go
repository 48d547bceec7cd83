package protocol

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Plain is the request in parts, as an HTTP client sends what a URL and some
// headers ask for: with a Host header in front and a "Connection: close" at the
// end unless they are given, and without headers that frame a body. The error
// is why a client would not send it. Without a URL it is the request itself.
func (h *HTTPRequest) Plain() (HTTPRequest, error) {
	p := *h
	if h.URL == "" {
		return p, nil
	}
	u, port, err := parseURL(h.URL)
	if err != nil {
		return p, err
	}
	p.URL, p.Host, p.Port, p.TLS, p.ServerName = "", u.Hostname(), port, u.Scheme == "https", u.Hostname()
	if p.Target = u.RequestURI(); p.Method == "" {
		p.Method = http.MethodGet
	}
	if p.Headers, err = clientHeaders(u.Host, h.Headers); err != nil {
		return p, fmt.Errorf("net/http: %w", err)
	}
	return p, nil
}

// clientHeaders are headers as a client sends them.
func clientHeaders(host string, given [][2]string) ([][2]string, error) {
	list := [][2]string{{"Host", host}}
	closes := false
	for _, f := range given {
		switch name, value := f[0], f[1]; {
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("invalid header field name %q", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("invalid header field value for %q", name)
		case strings.EqualFold(name, "Host"):
			list[0][1] = value
		case slices.ContainsFunc(framing(), func(f string) bool { return strings.EqualFold(f, name) }):
		default:
			closes = closes || strings.EqualFold(name, "Connection")
			list = append(list, f)
		}
	}
	if !closes {
		list = append(list, [2]string{"Connection", "close"})
	}
	return list, nil
}

// framing are the headers that a client writes itself.
func framing() []string { return []string{"Content-Length", "Transfer-Encoding", "Trailer"} }

// errClient is the error of an absolute URL that no client can ask. A redirect
// may lead there, so that to ask breaks no rule; nothing connects.
var errClient = errors.New("no client can ask it")

// parseURL reads an absolute URL of http or https. What may not stand in it is
// encoded first.
func parseURL(text string) (u *url.URL, port int, err error) {
	if u, err = url.Parse(encoded(text)); err != nil {
		return nil, 0, errors.Unwrap(err) // without the URL, which the reader has before him
	}
	switch {
	case !u.IsAbs():
		return nil, 0, errors.New("it names no scheme")
	case u.Scheme == "http":
		port = 80
	case u.Scheme == "https":
		port = 443
	default:
		return nil, 0, fmt.Errorf("%w: unsupported protocol scheme %q", errClient, u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, 0, fmt.Errorf("%w: no host", errClient)
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return nil, 0, fmt.Errorf("%w: invalid port %s", errClient, p)
		}
	}
	return u, port, nil
}

// encoded has no byte that a request target may not hold, and no "%" that
// begins no escape.
func encoded(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c >= 0x7f || c == '%' && !isEscape(text[i:]) {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// isEscape tells whether a text begins with "%" and two hexadecimal digits.
func isEscape(s string) bool {
	if len(s) < 3 {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil
}

// RedirectOf is where the response to a request leads to; nil: it is no
// redirect.
func (h *HTTPRequest) RedirectOf(status int, location string) *Redirect {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	base, err := url.Parse(encoded(h.URL))
	if err != nil || location == "" {
		return nil
	}
	to, err := url.Parse(location)
	if err != nil {
		return &Redirect{Error: fmt.Sprintf("failed to parse Location header %q: %v", location, errors.Unwrap(err))}
	}
	return &Redirect{URL: base.ResolveReference(to).String(), Relative: !to.IsAbs()}
}
