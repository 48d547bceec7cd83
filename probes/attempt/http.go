package attempt

import (
	"net/http"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// HTTP makes one try of an httpGet probe with the semantics of the kubelet's
// DoHTTPProbe and the http.Transport beneath it (semantics 1.4). One absolute
// deadline covers dial, TLS, headers, redirects and body
// (HTTP-TIMEOUT-SCOPE).
func HTTP(env Env, t *Target) probes.Result {
	p := t.prepare()
	if p.err != nil {
		return probes.Result{Class: probes.Errored, Message: p.err.Error()}
	}
	deadline := env.Now().Add(t.Probe.Timeout)
	x := wires.Get().(*wire) //nolint:forcetypeassert // the pool holds nothing else
	defer func() {           // also when the world ends within the try
		x.close()
		wires.Put(x)
	}()
	return x.try(env, t, &p.hop, deadline)
}

func (x *wire) try(env Env, t *Target, first *hop, deadline time.Time) probes.Result {
	x.prepare(t.Rules)
	x.env, x.timeout, x.curves = env, t.Probe.Timeout, t.Curves
	switch err := x.open(env, first, deadline); err {
	case nil:
	case errEarly: //nolint:errorlint // of open itself, never wrapped
		return bodyError(err)
	default:
		return failed(first.shown, err)
	}
	if !t.noFast && t.Rules == nil && !x.remote {
		if result, done := x.fast(t); done {
			return result
		}
	}
	return x.follow(env, t, first, deadline)
}

// follow reads the response to the request just sent and goes where it
// redirects to, as http.Client with the kubelet's RedirectChecker does.
func (x *wire) follow(env Env, t *Target, first *hop, deadline time.Time) probes.Result {
	at, keepBody := first, true
	for requests := 1; ; requests++ {
		resp, err := x.response()
		if err != nil {
			return failed(at.shown, err)
		}
		redirects, keeps := redirect(resp.StatusCode)
		location := resp.Header.Get("Location")
		if !redirects || location == "" || !t.Rules.follows() {
			return x.judge(t, resp)
		}
		keepBody = keepBody && keeps
		u, err := at.locate(location)
		if err != nil {
			if t.Rules != nil && t.Rules.BadLocationPasses {
				return x.judge(t, resp)
			}
			return failed(at.shown, err)
		}
		if !t.Rules.same(first.url, u) {
			if t.Rules != nil && t.Rules.CrossFails {
				return failed(location, errDeviant)
			}
			return x.judge(t, resp) // HTTP-REDIR-CROSS
		}
		next := at.next(first, location, u, keepBody)
		x.slurp(resp)
		x.close()
		if requests >= t.Rules.requests() {
			if t.Rules != nil && t.Rules.LoopPasses {
				return probes.Result{Class: probes.Success}
			}
			return failed(location, errRedirectLoop)
		}
		at = &next
		deadline = t.Rules.hopDeadline(deadline, env.Now(), t.Probe.Timeout)
		if err := x.open(env, at, deadline); err != nil {
			return failed(at.shown, err)
		}
	}
}

// redirect tells whether http.Client follows a status, and whether the next
// request keeps the headers that describe a body.
func redirect(status int) (follows, keepsBody bool) {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true, false
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true, true
	}
	return false, false
}

// judge reads the body and classifies the final response.
func (x *wire) judge(t *Target, resp *http.Response) probes.Result {
	if result, done := x.judgeOtherwise(t, resp); done {
		return result
	}
	body, err := x.body(resp)
	if err != nil && !statusDecides(t.Profile) {
		return bodyError(err)
	}
	return t.byStatus(resp.StatusCode, body)
}

func statusDecides(p *probes.Profile) bool { return p != nil && p.StatusDecides }

// byStatus classifies a complete response (HTTP-STATUS-RANGE).
func (t *Target) byStatus(status int, body []byte) probes.Result {
	switch {
	case status < http.StatusOK || status >= http.StatusBadRequest:
		return probes.Result{Class: probes.Failure, Message: t.failed.of(status)}
	case status >= http.StatusMultipleChoices:
		return probes.Result{
			Class:   probes.Warning,
			Message: "Probe terminated redirects, Response body: " + string(body),
		}
	}
	return probes.Result{Class: probes.Success}
}

// failed is a try that ended before the headers were complete
// (HTTP-CONN-FAIL): a failure, never an error.
func failed(at string, err error) probes.Result {
	return probes.Result{Class: probes.Failure, Message: getError(at, err)}
}

// bodyError is a try that ended inside the body (HTTP-BODY-ERROR).
func bodyError(err error) probes.Result {
	return probes.Result{Class: probes.Errored, Message: err.Error()}
}

// statusMessage keeps the last failure message, which is the same for hours
// (HTTP-NO-BODY-IN-EVENT).
type statusMessage struct {
	status int
	text   string
}

func (m *statusMessage) of(status int) string {
	if m.status != status || m.text == "" {
		m.status, m.text = status, "HTTP probe failed with statuscode: "+strconv.Itoa(status)
	}
	return m.text
}
