package fakevm

import (
	"bytes"
	"slices"
	"strings"
)

// maxRequestHead bounds a request head; a longer one is answered by 431.
const maxRequestHead = 64 << 10

// header is one header line of a request, as on the wire.
type header struct{ name, value []byte }

// request is a parsed request head. Its fields alias the bytes parsed.
type request struct {
	method, target, proto []byte
	headers               []header
}

// headEnd is the length of the request head at the start of b, with its empty
// line, or -1 when it is not complete. Bare LF ends a line too.
func headEnd(b []byte, from int) int {
	for i := max(0, from-3); i < len(b); i++ {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return -1
		}
		i += j
		if i+1 < len(b) && b[i+1] == '\n' {
			return i + 2
		}
		if i+2 < len(b) && b[i+1] == '\r' && b[i+2] == '\n' {
			return i + 3
		}
	}
	return -1
}

// parseRequest parses a request head, with its headers if they are wanted. It
// is tolerant: only a request line that is none is refused; a header line
// without a colon is kept with that name.
func parseRequest(b []byte, headers bool) (request, bool) {
	var r request
	line, rest := cutLine(b)
	var ok bool
	if r.method, r.target, r.proto, ok = parseRequestLine(line); !ok || !headers {
		return r, ok
	}
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		r.headers = append(r.headers, header{name, bytes.Trim(value, " \t")})
	}
	return r, true
}

func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func parseRequestLine(line []byte) (method, target, proto []byte, ok bool) {
	method, rest, ok1 := bytes.Cut(line, []byte(" "))
	target, proto, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || len(method) == 0 || len(target) == 0 || !bytes.HasPrefix(proto, []byte("HTTP/")) {
		return nil, nil, nil, false
	}
	for _, c := range method {
		if !methodChar(c) {
			return nil, nil, nil, false
		}
	}
	return method, target, proto, true
}

// methodChar tells whether c may stand in a method (an RFC 9110 token).
func methodChar(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// hopeless tells whether b cannot become a request: its first byte is no
// method (a TLS ClientHello), or its first line is complete and none.
func hopeless(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if !methodChar(b[0]) {
		return true
	}
	line, _, complete := bytes.Cut(b, []byte("\n"))
	if !complete {
		return false
	}
	_, _, _, ok := parseRequestLine(bytes.TrimSuffix(line, []byte("\r")))
	return !ok
}

// values are the values of a header, in order.
func (r *request) values(name string) []string {
	var vs []string
	for _, h := range r.headers {
		if strings.EqualFold(string(h.name), name) {
			vs = append(vs, string(h.value))
		}
	}
	return vs
}

// unmet tells what of a requirement the request does not meet; empty: nothing.
func (q *HTTPRequire) unmet(r *request) string {
	if q.Method != "" && string(r.method) != q.Method {
		return "method " + string(r.method) + ", want " + q.Method
	}
	if q.Target != "" && string(r.target) != q.Target {
		return "target " + string(r.target) + ", want " + q.Target
	}
	if q.Host != "" {
		if hosts := r.values("Host"); len(hosts) != 1 || hosts[0] != q.Host {
			return "Host " + strings.Join(hosts, ", ") + ", want " + q.Host
		}
	}
	for _, h := range q.Headers {
		if !r.has(h.Name, h.Value) {
			return "no header " + h.Name + ": " + h.Value
		}
	}
	for _, h := range q.Prefixes {
		if !slices.ContainsFunc(r.values(h.Name), func(v string) bool { return strings.HasPrefix(v, h.Value) }) {
			return "no header " + h.Name + " that begins with " + h.Value
		}
	}
	for _, name := range q.Absent {
		if len(r.values(name)) > 0 {
			return "header " + name + " must not be there"
		}
	}
	if note := q.unmetOrder(r); note != "" {
		return note
	}
	if q.NoBody && r.announcesBody() {
		return "the request announces a body"
	}
	return ""
}

func (r *request) has(name, value string) bool {
	for _, v := range r.values(name) {
		if value == "*" || v == value {
			return true
		}
	}
	return false
}

func (r *request) announcesBody() bool {
	if len(r.values("Transfer-Encoding")) > 0 {
		return true
	}
	for _, v := range r.values("Content-Length") {
		if v != "0" {
			return true
		}
	}
	return false
}

// unmetOrder compares the order of the named headers, repeats kept; others
// may stand between them.
func (q *HTTPRequire) unmetOrder(r *request) string {
	if len(q.HeaderOrder) == 0 {
		return ""
	}
	var got []string
	for _, h := range r.headers {
		for _, want := range q.HeaderOrder {
			if strings.EqualFold(string(h.name), want) {
				got = append(got, string(h.name))
				break
			}
		}
	}
	same := len(got) == len(q.HeaderOrder)
	for i := 0; same && i < len(got); i++ {
		same = strings.EqualFold(got[i], q.HeaderOrder[i])
	}
	if same {
		return ""
	}
	return "headers in the order " + strings.Join(got, ", ") + ", want " + strings.Join(q.HeaderOrder, ", ")
}
