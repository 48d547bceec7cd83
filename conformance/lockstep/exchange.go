package lockstep

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/roster"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// exchange begins the exchange that an action asks for, if it does.
func (s *session) exchange(t *try, a *protocol.Action) *protocol.Violation {
	ask := maker(a)
	if ask == nil {
		return nil
	}
	if a.Exec != nil {
		if v := s.MayExec(); v != nil {
			return v
		}
	}
	t.asked++
	number, vm := t.asked, t.pod.Machine.Config.Name
	t.asking = number
	if s.live != nil {
		s.g.Away(vm, t.instance, func(site *simbed.Site) {
			e := ask(site)
			s.live.lock.Lock()
			defer s.live.lock.Unlock()
			s.answer(t, number, e)
		})
		return nil
	}
	s.g.Go(t.actor, vm, t.instance, func(site *simbed.Site) { s.answer(t, number, ask(site)) })
	return nil
}

// answer tells the prober what came of an exchange.
func (s *session) answer(t *try, number int, e protocol.Event) {
	if s.over || t.asking != number || s.tries[t.id] != t {
		return // cancelled, or the prober has begun anew
	}
	t.asking = 0
	if s.spins() {
		return
	}
	e.Event, e.ID = protocol.Answer, t.id
	s.tell(e)
}

// maker is the exchange of an action; nil: none.
func maker(a *protocol.Action) func(*simbed.Site) protocol.Event {
	switch {
	case a.HTTP != nil:
		return func(s *simbed.Site) protocol.Event { return askHTTP(s, a.HTTP) }
	case a.TCP != nil:
		return func(s *simbed.Site) protocol.Event {
			err := s.Connect(s.Address(a.TCP.Host, a.TCP.Port), time.Duration(a.TCP.TimeoutNs))
			return protocol.Event{Connect: connected(err)}
		}
	case a.Agent != nil:
		return func(s *simbed.Site) protocol.Event { return askAgent(s, a.Agent) }
	case a.Domain != nil:
		return func(s *simbed.Site) protocol.Event { return protocol.Event{Domain: roster.Domain(s)} }
	case a.Exec != nil:
		return func(s *simbed.Site) protocol.Event { return protocol.Event{Exec: roster.Exec(s, a.Exec)} }
	}
	return nil
}

// connected names the outcome of a connect.
func connected(err error) protocol.Outcome {
	switch {
	case err == nil:
		return protocol.OK
	case errors.Is(err, os.ErrDeadlineExceeded):
		return protocol.Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return protocol.Refused
	case errors.Is(err, syscall.ECONNRESET):
		return protocol.Reset
	}
	return protocol.Unreachable
}

// askHTTP makes one request, as stated.
func askHTTP(s *simbed.Site, stated *protocol.HTTPRequest) protocol.Event {
	plain, err := stated.Plain()
	if err != nil { // of another scheme
		return protocol.Event{Connect: protocol.Failed, HTTP: &protocol.HTTPAnswer{Error: err.Error()}}
	}
	h := &plain
	limit := h.BodyLimitBytes
	if limit == 0 || limit > protocol.MaxBody {
		limit = protocol.MaxBody
	}
	r := s.HTTP(&attempt.Request{
		Address: s.Address(h.Host, h.Port), TLS: h.TLS, ServerName: h.ServerName, Raw: raw(h),
		BodyLimit: limit, RedirectLimit: h.RedirectLimitBytes,
	}, time.Duration(h.TimeoutNs))
	e := protocol.Event{Connect: protocol.OK, HTTP: &protocol.HTTPAnswer{}}
	if r.Err != nil {
		e.HTTP.Error = r.Err.Error()
	}
	if r.Failed == attempt.Connecting {
		e.Connect = protocol.Unreachable
		switch {
		case r.Timeout():
			e.Connect = protocol.Timeout
		case r.Refused():
			e.Connect = protocol.Refused
		case r.Reset():
			e.Connect = protocol.Reset
		}
		return e
	}
	if answer(h, &r, e.HTTP); e.HTTP.Status != 0 && stated.URL != "" {
		e.HTTP.Redirect = stated.RedirectOf(r.Status, r.Header.Get("Location"))
	}
	return e
}

// answer tells how far a response came.
func answer(h *protocol.HTTPRequest, r *attempt.Response, out *protocol.HTTPAnswer) {
	if h.TLS {
		out.TLS = protocol.OK
	}
	switch r.Failed {
	case attempt.Handshake:
		out.TLS = ended(r)
		return
	case attempt.Head:
		out.Head = ended(r)
		return
	case attempt.Body:
		out.Body = ended(r)
	case attempt.Complete, attempt.Connecting:
		if out.Body = protocol.OK; r.Cut {
			out.Body = protocol.Limit
		}
	}
	out.Head, out.Status, out.Proto, out.Headers = protocol.OK, r.Status, r.Proto, headers(r.Header)
	out.Text, out.Base64 = roster.Text(r.Text)
}

// ended says how a part that did not come to its end ended.
func ended(r *attempt.Response) protocol.Outcome {
	switch {
	case r.Timeout():
		return protocol.Timeout
	case r.Reset():
		return protocol.Reset
	case r.TooLarge():
		return protocol.TooLarge
	case r.Closed():
		return protocol.Closed
	}
	return protocol.Malformed
}

// headers lists headers by name; values of one name keep their order.
func headers(h http.Header) [][2]string {
	var list [][2]string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			list = append(list, [2]string{name, v})
		}
	}
	return list
}

// raw is the request as it goes out.
func raw(h *protocol.HTTPRequest) []byte {
	b := make([]byte, 0, 256)
	b = append(append(append(append(b, h.Method...), ' '), h.Target...), " HTTP/1.1\r\n"...)
	for _, f := range h.Headers {
		b = append(append(append(append(b, f[0]...), ": "...), f[1]...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// libvirtWait is libvirt's wait when none is given.
const libvirtWait = 5 * time.Second

func askAgent(s *simbed.Site, r *protocol.AgentRequest) protocol.Event {
	inner := time.Duration(r.TimeoutNs)
	if inner == 0 {
		inner = libvirtWait
	}
	reply, err := s.Agent(r.Command, inner, time.Duration(r.LimitNs))
	a := &protocol.AgentAnswer{}
	if err != nil {
		a.Code, a.Name, a.Error = int(err.Code), err.Code.String(), err.Text
	} else {
		a.Text, a.Base64 = roster.Text(reply)
	}
	return protocol.Event{Agent: a, Domain: roster.Domain(s)}
}
