package kubevirt

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// insistence is how long something is tried that the API will soon take: the
// default service account of a new namespace, without which pods are refused, may
// take as long, and webhooks that begin to answer, and a server that comes back.
const insistence = 30 * time.Second

// insist tries again what fails for a passing reason, or for one that also names;
// nil: there is none. A try that came to nothing as far as anybody heard may have
// been carried out: then the next one is told that it is so already.
func insist(ctx context.Context, also func(error) bool, try func() error) error {
	unsure := false
	for end := time.Now().Add(insistence); ; {
		err := try()
		if err == nil || unsure && already(err) {
			return nil
		}
		passes := passing(err)
		unsure = unsure || passes
		if !passes && (also == nil || !also(err)) || time.Now().After(end) || !pause(ctx, logPause) {
			return err
		}
	}
}

// persist insists on what is to happen at its time in a run: when the API was out
// of order meanwhile, it happens late.
func (r *run) persist(also func(error) bool, try func() error) error {
	begun, late, broken := time.Now(), time.Duration(0), false
	err := insist(r.ctx, also, func() error {
		if broken {
			late = time.Since(begun)
		}
		err := try()
		broken = broken || passing(err)
		return err
	})
	if late > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.observer.TooLate(late)
	}
	return err
}

// passing tells whether an error is about the way to the API, or about a server that
// has no time: it may be gone in a moment.
func passing(err error) bool {
	var unreachable *url.Error
	var network net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	return errors.As(err, &unreachable) || errors.As(err, &network)
}

// already tells whether what was asked for is so.
func already(err error) bool {
	return apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) && strings.Contains(err.Error(), "already")
}

// permanent tells whether another try comes to the same.
func permanent(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

// early tells whether a pod was refused because the namespace is new.
func early(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount")
}
