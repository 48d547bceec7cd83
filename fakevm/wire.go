package fakevm

// Wire is what a server sends for a reply, without a server: for those who
// reckon what a client will make of it. It reads from the start, once.
type Wire struct {
	// End is what follows the last byte: EndOpen when nothing ever does.
	End End
	// AtOnce: nothing is sent, and the end does not wait for a request.
	AtOnce bool
	sender sender
}

// NewWire gives the bytes of an HTTP reply; nil is a plain 200. Conditions
// (Require) are not looked at.
func NewWire(r *HTTPReply) *Wire {
	if r == nil {
		r = &HTTPReply{}
	}
	res := newResponse(r)
	return &Wire{End: res.end, AtOnce: res.atOnce, sender: sender{parts: res.parts}}
}

// Next is the next bytes, at most limit of them; nil after the last. The bytes
// must not be changed.
func (w *Wire) Next(limit int) []byte { return w.sender.next(limit) }

// Unmet tells what of the requirement a request head does not meet; empty:
// nothing. A head that is no request meets nothing.
func (q *HTTPRequire) Unmet(head []byte) string {
	r, ok := parseRequest(head, true)
	if !ok {
		return "no request"
	}
	return q.unmet(&r)
}
