package fakevm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The longest bodies that a script may ask for; longer ones are "endless".
const maxScripted = 1 << 40

// oneOf complains about a value outside a closed set.
func (c *checker) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	c.add(path, "unknown value %q, want one of %s", value, strings.Join(allowed[1:], ", "))
}

func (c *checker) size(path string, n int64) {
	if n < 0 || n > maxScripted {
		c.add(path, "must be in 0..%d, is %d", int64(maxScripted), n)
	}
}

func (c *checker) line(path, s string) {
	if strings.ContainsAny(s, "\r\n") {
		c.add(path, "must not hold a line break: use raw")
	}
}

func (c *checker) http(path string, r *HTTPReply) {
	if r.Status < 0 || r.Status > 999 {
		c.add(path+".status", "must have three digits, is %d: use raw", r.Status)
	}
	c.line(path+".reason", r.Reason)
	c.line(path+".proto", r.Proto)
	for i, h := range r.Headers {
		c.line(fmt.Sprintf("%s.headers[%d]", path, i), h.Name+h.Value)
	}
	for i, code := range r.Interim {
		if code < 100 || code > 199 || code == 101 {
			c.add(fmt.Sprintf("%s.interim[%d]", path, i), "%d is not an interim status (1xx but 101)", code)
		}
	}
	c.size(path+".bodyBytes", r.BodyBytes)
	if r.Body != "" && r.BodyBytes != 0 {
		c.add(path+".bodyBytes", "and body exclude each other")
	}
	c.oneOf(path+".framing", r.Framing, "", frameLength, frameChunked, frameNone, frameBadChunk, frameNoLastChunk)
	c.oneOf(path+".endless", r.Endless, "", "headers", "body", "interim")
	c.oneOf(path+".end", string(r.End), "", string(EndFIN), string(EndReset), string(EndOpen))
	c.oneOf(path+".certificate", r.Certificate, "", "expired", "wrongname")
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"delay", r.Delay}, {"dripEvery", r.DripEvery}} {
		c.duration(path+"."+d.name, d.d)
	}
	if r.DripBytes < 0 {
		c.add(path+".dripBytes", "must not be negative, is %d", r.DripBytes)
	}
	if r.StallAfter != nil {
		c.size(path+".stallAfter", *r.StallAfter)
	} else if r.StallInHeaders {
		c.add(path+".stallInHeaders", "needs stallAfter")
	}
	c.httpShape(path, r)
}

// httpShape looks for fields that exclude each other.
func (c *checker) httpShape(path string, r *HTTPReply) {
	scripted := r.Status != 0 || len(r.Headers) > 0 || r.Body != "" || r.BodyBytes != 0 || r.Framing != "" ||
		len(r.Interim) > 0 || r.DeclaredLength != nil
	if r.Raw != "" && (scripted || r.Endless != "") {
		c.add(path+".raw", "replaces the whole response: nothing else of it may be given")
	}
	if r.Silent && (scripted || r.Raw != "" || r.Endless != "") {
		c.add(path+".silent", "never answers: there must be no response beside it")
	}
	if r.Status == 0 && r.Raw == "" && !r.Silent && r.Endless != "interim" && scripted {
		c.add(path+".status", "is missing")
	}
	if r.Status == 0 && (r.Endless == "headers" || r.Endless == "body") {
		c.add(path+".status", "is missing: endless %s follow a status line", r.Endless)
	}
	if r.ResetOnClose && !r.NoDrain {
		c.add(path+".resetOnClose", "needs noDrain: a server that reads the request has nothing unread")
	}
	if r.NoDrain && r.Require != nil {
		c.add(path+".require", "a server that does not read the request cannot check it")
	}
}

func (c *checker) tcp(path string, r *TCPReply) {
	c.duration(path+".after", r.After)
	c.oneOf(path+".end", string(r.End), "", string(EndFIN), string(EndReset), string(EndOpen))
	if r.Backlog < 0 {
		c.add(path+".backlog", "must not be negative, is %d", r.Backlog)
	}
	if r.MustClose && (r.Banner != "" || r.Backlog > 0) {
		c.add(path+".mustClose", "a kernel resets a connection whose bytes nobody has read, and one that nobody accepts")
	}
	if r.Backlog > 0 && (r.Banner != "" || r.End != "" || r.NoData) {
		c.add(path+".backlog", "makes the service never accept: it cannot speak, end or notice bytes")
	}
}

func (c *checker) agent(path string, r *AgentReply) {
	c.duration(path+".delay", r.Delay)
	c.duration(path+".syncDelay", r.SyncDelay)
	c.duration(path+".chunkEvery", r.ChunkEvery)
	c.duration(path+".reconnect", r.Reconnect)
	c.size(path+".rawBytes", r.RawBytes)
	if r.ChunkBytes < 0 {
		c.add(path+".chunkBytes", "must not be negative, is %d", r.ChunkBytes)
	}
	if r.Repeat < 0 {
		c.add(path+".repeat", "must not be negative, is %d", r.Repeat)
	}
	if r.Repeat > 0 && r.Before == "" {
		c.add(path+".repeat", "needs before")
	}
	if r.Reconnect > 0 && !r.Disconnect {
		c.add(path+".reconnect", "needs disconnect")
	}
	if r.Down && (r.Silent || r.Disconnect || r.Raw != "" || r.ErrorClass != "" || r.Value != "" || r.Delay != 0) {
		c.add(path+".down", "an agent that is down does nothing else")
	}
	if r.Value != "" && !json.Valid([]byte(r.Value)) {
		c.add(path+".value", "is not JSON: use raw")
	}
	answers := 0
	for _, set := range []bool{r.Raw != "", r.RawBytes > 0, r.ErrorClass != "", r.Value != "", r.Silent} {
		if set {
			answers++
		}
	}
	if answers > 1 {
		c.add(path, "raw, rawBytes, errorClass, value and silent exclude each other")
	}
}

func (c *checker) exec(path string, r *ExecReply) {
	c.duration(path+".after", r.After)
	c.size(path+".outputBytes", r.OutputBytes)
	if r.Signal < 0 || r.Signal > 64 {
		c.add(path+".signal", "must be in 0..64, is %d", r.Signal)
	}
	if r.Missing && (r.Hang || r.Exit != 0 || r.Signal != 0 || r.After != 0) {
		c.add(path+".missing", "a command that does not exist does nothing else")
	}
	if r.Hang && (r.Exit != 0 || r.Signal != 0 || r.After != 0) {
		c.add(path+".hang", "a command that never ends has no exit, signal or duration")
	}
	if r.Signal != 0 && r.Exit != 0 {
		c.add(path+".signal", "and exit exclude each other")
	}
}
