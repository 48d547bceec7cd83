package network

// session is the server's end of a connection.
type session struct {
	link *link
	gen  uint32
}

var _ Session = (*session)(nil)

// live is the link, nil when the server knows the connection no more.
func (s *session) live() *link {
	if s.link.gen != s.gen || s.link.gone {
		return nil
	}
	return s.link
}

func (s *session) Send(b []byte) {
	if l := s.live(); l != nil && !l.finished {
		l.down.write(b)
	}
}

func (s *session) Pending() int {
	if l := s.live(); l != nil {
		return l.down.unread()
	}
	return 0
}

func (s *session) Close() {
	if l := s.live(); l != nil && !l.finished {
		l.finished = true
		l.down.end()
	}
}

func (s *session) Reset() {
	l := s.live()
	if l == nil {
		return
	}
	l.busy++
	l.heard = true // it is the server's own doing
	l.endServer(errReset)
	l.down.sendReset()
	l.busy--
	l.settle()
}

func (s *session) Remote() string {
	if s.link.gen != s.gen {
		return ""
	}
	return s.link.local.String()
}

// Hold leaves what arrives in the connection's buffer, so that the window
// fills and the peer has to wait; without it everything is handed over at
// once. It is an optional extension of Session.
func (s *session) Hold(on bool) {
	l := s.live()
	if l == nil || l.unread == on {
		return
	}
	l.unread = on
	if !on && l.up.arrived > 0 && !l.feeding { // or it has them already
		l.busy++
		l.feed()
		if l.up.fin && l.up.arrived == 0 {
			l.hear(nil)
		}
		l.busy--
		l.settle()
	}
}
