package kubevirt

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// outages knows from which sources of a run nothing can be heard at present. What
// happens meanwhile is noticed late, or not at all.
type outages struct {
	mu   sync.Mutex
	open map[string]outage
}

// outage is one source that is lost since then.
type outage struct {
	since time.Time
	err   error // nil: nobody said why
}

// lost tells that nothing is heard from a source any more.
func (o *outages) lost(source string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, ok := o.open[source]
	if !ok {
		was.since = time.Now()
	}
	if err != nil {
		was.err = err
	}
	if o.open == nil {
		o.open = map[string]outage{}
	}
	o.open[source] = was
}

// back tells that a source is heard again, and for how long it was not.
func (o *outages) back(source string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, ok := o.open[source]
	if !ok {
		return 0
	}
	delete(o.open, source)
	return time.Since(was.since)
}

// worst is for how long one source has been lost at most; the error names it.
func (o *outages) worst() (by time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for source, was := range o.open {
		d := time.Since(was.since)
		if d <= by {
			continue
		}
		by, err = d, fmt.Errorf("cut off from the API for %.1f s: %s", d.Seconds(), source)
		if was.err != nil {
			err = fmt.Errorf("%w: %w", err, was.err)
		}
	}
	return by, err
}

// back tells the observer, too, that all that a source had to tell came so late.
func (r *run) back(source string) {
	if by := r.outages.back(source); by > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.observer.TooLate(by)
	}
}

// answered takes what came of reading a log: that there is none, or none yet, is an
// answer, too.
func (r *run) answered(source string, err error) {
	switch {
	case r.ctx.Err() != nil: // it was given up
	case err == nil, apierrors.IsNotFound(err), apierrors.IsBadRequest(err):
		r.back(source)
	default:
		r.outages.lost(source, err)
	}
}

// connected takes what came of asking a guest through the API: that the guest does
// not answer says nothing about the API.
func (r *run) connected(source string, err error) {
	var unreachable *url.Error
	switch {
	case r.ctx.Err() != nil:
	case errors.As(err, &unreachable) && !unreachable.Timeout():
		r.outages.lost(source, err)
	default:
		r.back(source)
	}
}

// cutOff is the error of a run whose end nobody saw. An outage as short as what is
// waited for the last news in any case is lateness.
func (r *run) cutOff() error {
	by, err := r.outages.worst()
	if by > tail {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observer.TooLate(by)
	return nil
}
