package fakevm

// Take uses up the reply that the next request of an endpoint would get,
// without bytes: the model's way to ask. Ports of different kinds do not
// share a number, so a network endpoint is found by its port. ok is false
// when nothing of the sort is scripted.
func (g *Guest) Take(kind EndpointKind, port uint16) (reply *Reply, actual EndpointKind, ok bool) {
	for _, e := range g.endpoints {
		if e.spec.Port != port || port == 0 && e.spec.Kind != kind {
			continue
		}
		p := g.take(e)
		if p.prepared == nil {
			return nil, e.spec.Kind, true
		}
		return p.reply, e.spec.Kind, true
	}
	return nil, kind, false
}
