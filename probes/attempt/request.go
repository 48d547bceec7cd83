package attempt

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
)

// hop is one request of a try: the first one or one that a redirect asked for.
type hop struct {
	url    *url.URL
	host   string      // of the Host header; empty: the URL's
	header http.Header // as given, before what net/http adds or removes

	shown string // the URL in messages
	dial  string // "host:port"
	name  string // TLS server name
	tls   bool
	raw   []byte // the bytes on the wire
	// err refuses the request before dialing, writeErr once connected: the
	// Transport notices them there.
	err, writeErr error

	rules *Rules
}

// newHop builds the first request as the kubelet does (HTTP-URL,
// HTTP-HDR-CUSTOM, HTTP-HDR-HOST, HTTP-HDR-DEFAULT). An error is class
// Errored: there is no request to send.
func newHop(action *probes.HTTPRequest, address, agent string, rules *Rules) (hop, error) {
	port, err := resolvePort(action.Port)
	if err != nil {
		return hop{}, err
	}
	host := action.Host
	if host == "" {
		host = address
	}
	scheme := strings.ToLower(action.Scheme)
	if scheme == "" {
		scheme = "http"
	}
	built := buildURL(scheme, host, port, action.Path)
	// The kubelet prints the URL and parses it again; what does not survive
	// that is an error of the prober.
	u, err := url.Parse(built.String())
	if err != nil {
		return hop{}, err
	}
	header := make(http.Header, len(action.Headers)+2)
	for _, h := range action.Headers {
		header.Add(h.Name, h.Value)
	}
	if _, ok := header["User-Agent"]; !ok {
		header.Set("User-Agent", rules.agent(agent))
	}
	if _, ok := header["Accept"]; !ok {
		header.Set("Accept", "*/*")
	} else if header.Get("Accept") == "" {
		header.Del("Accept")
	}
	h := hop{url: u, host: header.Get("Host"), header: header, rules: rules}
	h.render()
	return h, nil
}

// buildURL puts the path under scheme://host:port. A path is parsed as a URL,
// with all the surprises of HTTP-URL; one that does not parse is escaped.
func buildURL(scheme, host string, port int, path string) *url.URL {
	u, err := url.Parse(path)
	if err != nil {
		u = &url.URL{Path: path}
	}
	u.Scheme = scheme
	u.Host = net.JoinHostPort(host, strconv.Itoa(port))
	return u
}

// render fills everything below header from what is above it.
func (h *hop) render() {
	h.shown = publicURL(h.url)
	if h.err = refuse(h.url, h.header); h.err != nil {
		return
	}
	h.name = h.url.Hostname()
	h.tls = h.url.Scheme == "https"
	port := h.url.Port()
	switch {
	case port != "":
	case h.tls:
		port = "443"
	default:
		port = "80"
	}
	h.dial = net.JoinHostPort(h.rules.dial(h.name, h.host), port)

	header := h.header
	if user := h.url.User; user != nil && header.Get("Authorization") == "" {
		password, _ := user.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		header = header.Clone()
		header.Set("Authorization", "Basic "+pair)
	}
	var b bytes.Buffer
	req := &http.Request{Method: h.rules.method(), URL: h.url, Host: h.host, Header: header}
	if h.writeErr = req.Write(&b); h.writeErr != nil {
		return
	}
	h.raw = b.Bytes()
	if !hasToken(header.Get("Connection"), "close") && !asksForSwitch(header) && !h.rules.keepsAlive() {
		// Where the Transport puts it: after all other headers
		// (HTTP-NO-KEEPALIVE).
		h.raw = append(h.raw[:len(h.raw)-2], "Connection: close\r\n\r\n"...)
	}
	h.raw = h.rules.request(h.raw, header)
}

// refuse makes the checks that the Transport makes before it dials.
func refuse(u *url.URL, header http.Header) error {
	if u.Scheme == "http" || u.Scheme == "https" {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			if !validName(name) {
				return fmt.Errorf("net/http: invalid header field name %q", name)
			}
			if slices.ContainsFunc(header[name], invalidValue) {
				return fmt.Errorf("net/http: invalid header field value for %q", name)
			}
		}
	} else {
		return fmt.Errorf("unsupported protocol scheme %q", u.Scheme)
	}
	if u.Host == "" {
		return errNoHost
	}
	return nil
}

// validName tells whether a header name is an RFC 9110 token.
func validName(name string) bool {
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return false
		}
	}
	return name != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// invalidValue tells whether a header value holds a control byte other than
// a tab (VAL-HEADER-NAME: values are not validated before the attempt).
func invalidValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// asksForSwitch tells whether a request wants another protocol; the Transport
// then keeps its "Connection: close" to itself.
func asksForSwitch(header http.Header) bool {
	return header.Get("Upgrade") != "" && slices.ContainsFunc(header["Connection"], func(v string) bool {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(token, " \t"), "Upgrade") {
				return true
			}
		}
		return false
	})
}

// hasToken looks for a word between spaces, tabs, commas or the ends, as
// net/http does.
func hasToken(v, token string) bool {
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if strings.EqualFold(part, token) {
			return true
		}
	}
	return false
}

// next is the request that a redirect asks for, with the headers that
// http.Client carries along; first is the first request of the try.
func (h *hop) next(first *hop, location string, u *url.URL, keepBody bool) hop {
	n := hop{url: u, header: make(http.Header, len(first.header)+1), rules: h.rules}
	if h.host != "" && h.host != h.url.Host {
		// A custom Host header survives a relative redirect only
		// (HTTP-HDR-HOST).
		if rel, err := url.Parse(location); err == nil && !rel.IsAbs() {
			n.host = h.host
		}
	}
	maps.Copy(n.header, first.header)
	if !keepBody {
		for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type"} {
			delete(n.header, name)
		}
	}
	if ref := referer(h.url, u, n.header.Get("Referer")); ref != "" {
		n.header.Set("Referer", ref)
	}
	n.render()
	h.rules.redirected(&n)
	return n
}

// referer is the Referer header of a redirected request.
func referer(last, next *url.URL, explicit string) string {
	if last.Scheme == "https" && next.Scheme == "http" {
		return ""
	}
	if explicit != "" {
		return explicit
	}
	if last.User == nil {
		return last.String()
	}
	return strings.Replace(last.String(), last.User.String()+"@", "", 1)
}

// locate resolves a Location header.
func (h *hop) locate(location string) (*url.URL, error) {
	u, err := h.url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("failed to parse Location header %q: %w", location, err)
	}
	if u == nil {
		return nil, errors.New("failed to parse Location header")
	}
	return u, nil
}
