package kubevirt

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// requestTimeout is how long the API server may take for a request, and a watch to
// begin: it is more than one that has time ever needs.
const requestTimeout = 20 * time.Second

// impatient gives up requests that take too long. A server that takes connections
// and never answers would hold its client for good.
type impatient struct {
	next http.RoundTripper
	most time.Duration
}

// RoundTrip implements http.RoundTripper. The answer to a watch may take as long as
// it wants once it has begun; a log that is followed may also begin when it wants.
func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	if q.Get("follow") == "true" {
		return i.next.RoundTrip(r)
	}
	ctx, cancel := context.WithCancel(r.Context())
	var over atomic.Bool
	timer := time.AfterFunc(i.most, func() {
		over.Store(true)
		cancel()
	})
	stop := func() {
		timer.Stop()
		cancel()
	}
	answer, err := i.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		if over.Load() {
			err = errTimeout{i.most}
		}
		return nil, err
	}
	if q.Get("watch") == "true" {
		timer.Stop()
	}
	answer.Body = &timedBody{answer.Body, stop, &over, i.most}
	return answer, nil
}

// timedBody is an answer that has to come in time.
type timedBody struct {
	io.ReadCloser
	stop func()
	over *atomic.Bool
	most time.Duration
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.over.Load() {
		err = errTimeout{b.most}
	}
	return n, err
}

func (b *timedBody) Close() error {
	defer b.stop()
	return b.ReadCloser.Close()
}

// errTimeout is a net.Error.
type errTimeout struct{ after time.Duration }

func (e errTimeout) Error() string { return "no answer for " + e.after.String() }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }
