package truth

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// required is the reply that a conforming request gets from a server that
// insists on something: the reply itself, or its refusal.
func required(p *probes.Probe, r *fakevm.HTTPReply, net NetModel) *fakevm.HTTPReply {
	if r.Require.Unmet(requestHead(p, net)) == "" {
		plain := *r
		plain.Require = nil
		return &plain
	}
	status := r.Require.Else
	if status == 0 {
		status = http.StatusNotFound
	}
	return &fakevm.HTTPReply{Status: status}
}

// requestHead is the request that semantics 1.4 asks for (HTTP-URL,
// HTTP-HDR-CUSTOM, HTTP-HDR-DEFAULT).
func requestHead(p *probes.Probe, model NetModel) []byte {
	u, err := url.Parse(p.HTTP.Path)
	if err != nil {
		u = &url.URL{Path: p.HTTP.Path}
	}
	target := u.RequestURI()
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	h := http.Header{}
	host := p.HTTP.Host
	if host == "" {
		host = model.Address
	}
	host = net.JoinHostPort(host, strconv.Itoa(p.HTTP.Port.Number))
	for _, c := range p.HTTP.Headers {
		if strings.EqualFold(c.Name, "Host") {
			host = c.Value
			continue
		}
		h.Add(c.Name, c.Value)
	}
	for _, d := range [2]probes.Header{{Name: "User-Agent", Value: "kube-probe/1.37"}, {Name: "Accept", Value: "*/*"}} {
		if _, given := h[d.Name]; !given {
			h.Set(d.Name, d.Value)
		} else if h.Get(d.Name) == "" {
			h.Del(d.Name)
		}
	}
	h.Del("Content-Length")
	h.Del("Transfer-Encoding")
	var b bytes.Buffer
	b.WriteString("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	_ = h.Write(&b) // sorted by name, repeats in order
	b.WriteString("Connection: close\r\n\r\n")
	return b.Bytes()
}
