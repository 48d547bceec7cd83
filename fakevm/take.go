package fakevm

// Take uses up the reply that the next request of an endpoint would get,
// without bytes: the model's way to ask. Ports of different kinds do not
// share a number, so a network endpoint is found by its port. ok is false
// when nothing of the sort is scripted; a nil reply means that the first step
// is still to come. A full or filling accept queue is given as what it does
// to the connection, blackhole or unaccepted. Nothing is logged.
func (g *Guest) Take(kind EndpointKind, port uint16) (reply *Reply, actual EndpointKind, ok bool) {
	for _, e := range g.endpoints {
		if e.spec.Port != port || port == 0 && e.spec.Kind != kind {
			continue
		}
		p := g.take(e)
		if p.prepared == nil {
			return nil, e.spec.Kind, true
		}
		if queues, full := e.queue(p.reply); full {
			return &Reply{Connect: Blackhole}, e.spec.Kind, true
		} else if queues {
			return &Reply{Connect: Unaccepted, ConnectDelay: p.reply.ConnectDelay}, e.spec.Kind, true
		}
		return p.reply, e.spec.Kind, true
	}
	return nil, kind, false
}

// queue puts a connection into the accept queue of a service that never
// accepts. The queue keeps a handshake whose peer has left: only an accept
// would make room.
func (e *endpoint) queue(r *Reply) (queues, full bool) {
	if r.TCP == nil || r.TCP.Backlog == 0 || r.Connect != Accept && r.Connect != Unaccepted {
		return false, false
	}
	if e.backlog >= r.TCP.Backlog {
		return true, true
	}
	e.backlog++
	return true, false
}
