package fakevm

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Framings of an HTTP body.
const (
	frameLength      = "length"
	frameChunked     = "chunked"
	frameNone        = "none"
	frameBadChunk    = "badchunk"
	frameNoLastChunk = "nolastchunk"
)

// chunkBytes is the payload of one generated chunk.
const chunkBytes = 8 << 10

// response is the bytes of an HTTPReply, made once when a guest is made.
type response struct {
	parts []part
	end   End
	// atOnce: there is no byte to send; the connection ends without waiting
	// for a request.
	atOnce bool
	pace   pace
}

func newResponse(r *HTTPReply) *response {
	res := &response{end: r.End, pace: pace{bytes: r.DripBytes, every: r.DripEvery}}
	if res.end == "" {
		res.end = EndFIN
		if r.StallAfter != nil {
			res.end = EndOpen
		}
	}
	switch {
	case r.Silent:
		res.end = EndOpen
	case r.Raw != "":
		res.parts = stalled(r, nil, once([]byte(r.Raw)))
	case r.Endless == "interim":
		res.parts = repeated([]byte(statusLine(r, 103)+eol(r)), forever)
	case r.Status == 0:
		res.atOnce = r.End != ""
		if !res.atOnce { // an empty reply is a plain 200
			res.parts = once([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		}
	case r.Endless == "headers":
		line := "X-Endless: " + strings.Repeat("a", 1000) + eol(r)
		res.parts = append(once([]byte(statusLine(r, r.Status))), repeated([]byte(line), forever)...)
	default:
		res.parts = stalled(r, head(r), bodyParts(r))
	}
	res.parts = flatten(res.parts)
	return res
}

// stalled applies StallAfter to the head or the body.
func stalled(r *HTTPReply, head []byte, body []part) []part {
	if r.StallAfter != nil {
		if r.StallInHeaders {
			return cut(append(once(head), body...), min(*r.StallAfter, stallCap(head)))
		}
		body = cutBody(r, body)
	}
	return append(once(head), body...)
}

// stallCap keeps a stall "in headers" inside the head, when there is one.
func stallCap(head []byte) int64 {
	if head == nil {
		return 1 << 62
	}
	return int64(len(head))
}

// cutBody stops after StallAfter bytes of the body. Chunk headers are not
// counted: the payload is what the peer reads.
func cutBody(r *HTTPReply, body []part) []part {
	n := *r.StallAfter
	switch framing(r) {
	case frameChunked, frameNoLastChunk:
		payload := r.BodyBytes
		if r.Body != "" {
			payload = int64(len(r.Body))
		}
		if r.Endless == "body" || payload > n {
			short := *r
			short.Endless, short.Framing, short.StallAfter = "", frameNoLastChunk, nil
			if r.Body != "" && r.Endless == "" {
				short.Body = r.Body[:n]
			} else {
				short.Body, short.BodyBytes = "", n
			}
			return bodyParts(&short)
		}
		return body
	}
	return cut(body, n)
}

func eol(r *HTTPReply) string {
	if r.LFOnly {
		return "\n"
	}
	return "\r\n"
}

func statusLine(r *HTTPReply, status int) string {
	proto, reason := r.Proto, r.Reason
	if proto == "" {
		proto = "HTTP/1.1"
	}
	if reason == "" || status != r.Status {
		reason = http.StatusText(status)
	}
	return strings.TrimRight(fmt.Sprintf("%s %03d %s", proto, status, reason), " ") + eol(r)
}

// framing is the effective framing: an endless body cannot have a length.
func framing(r *HTTPReply) string {
	if r.Framing != "" {
		return r.Framing
	}
	if r.Endless == "body" {
		return frameNone
	}
	return frameLength
}

// noBodyStatus tells whether a response of that status has no body at all.
func noBodyStatus(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// head is the interim responses, the status line and the headers.
func head(r *HTTPReply) []byte {
	var b strings.Builder
	for _, code := range r.Interim {
		b.WriteString(statusLine(r, code) + eol(r))
	}
	b.WriteString(statusLine(r, r.Status))
	scripted := false
	for _, h := range r.Headers {
		b.WriteString(h.Name + ": " + h.Value + eol(r))
		scripted = scripted || strings.EqualFold(h.Name, "Content-Length") ||
			strings.EqualFold(h.Name, "Transfer-Encoding")
	}
	switch {
	case r.DeclaredLength != nil:
		b.WriteString("Content-Length: " + strconv.FormatInt(*r.DeclaredLength, 10) + eol(r))
	case scripted || noBodyStatus(r.Status):
	case framing(r) == frameLength:
		b.WriteString("Content-Length: " + strconv.FormatInt(bodyLength(r), 10) + eol(r))
	case framing(r) != frameNone:
		b.WriteString("Transfer-Encoding: chunked" + eol(r))
	}
	b.WriteString(eol(r))
	return []byte(b.String())
}

func bodyLength(r *HTTPReply) int64 {
	if r.Body != "" {
		return int64(len(r.Body))
	}
	return r.BodyBytes
}

func bodyParts(r *HTTPReply) []part {
	plain := once([]byte(r.Body))
	if r.Body == "" {
		plain = generated(r.BodyBytes)
	}
	if r.Endless == "body" {
		plain = append(plain, generated(forever)...)
	}
	switch framing(r) {
	case frameChunked:
		return append(chunks(plain), once([]byte("0\r\n\r\n"))...)
	case frameNoLastChunk:
		return chunks(plain)
	case frameBadChunk:
		return append(once([]byte("zz\r\n")), plain...)
	}
	return plain
}

// chunks wraps parts into HTTP chunks.
func chunks(plain []part) []part {
	var parts []part
	for _, p := range plain {
		wrap := func(b []byte) []byte {
			c := []byte(strconv.FormatInt(int64(len(b)), 16) + "\r\n")
			return append(append(c, b...), '\r', '\n')
		}
		if len(p.b) <= chunkBytes || p.times == 1 {
			for b := p.b; len(b) > 0; {
				n := min(len(b), chunkBytes)
				parts = append(parts, part{b: wrap(b[:n]), times: p.times})
				b = b[n:]
			}
			continue
		}
		var block []byte
		for b := p.b; len(b) > 0; {
			n := min(len(b), chunkBytes)
			block = append(block, wrap(b[:n])...)
			b = b[n:]
		}
		parts = append(parts, part{b: block, times: p.times})
	}
	return parts
}
