package truth

import (
	"net/url"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
)

// neverSent names the rule by which a request is refused before it is sent:
// an HTTP client does not send control characters in a header, nor a request
// to nowhere, which a path such as "a:b" asks for. Empty when it is sent.
func neverSent(r *probes.HTTPRequest) string {
	for _, h := range r.Headers {
		if strings.ContainsFunc(h.Value, isControl) {
			return "VAL-HEADER-NAME"
		}
	}
	if u, err := url.Parse(r.Path); err == nil && u.Opaque != "" {
		return "HTTP-URL"
	}
	return ""
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
