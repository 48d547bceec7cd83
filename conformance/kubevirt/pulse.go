package kubevirt

import (
	"context"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// pulse is whether KubeVirt's API server answers. Whatever KubeVirt writes about a
// VM passes that server's webhooks, so while it has no time for a trivial question,
// what happens to VMs becomes known late.
type pulse struct {
	mu    sync.Mutex
	asked time.Time // a question without an answer yet; zero: there is none
	worst time.Duration
}

const (
	pulseEvery = 2 * time.Second
	// usualAnswer is more than a server with time needs.
	usualAnswer = time.Second
)

// ask notes a question, unless an earlier one has no answer.
func (p *pulse) ask(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked.IsZero() {
		p.asked = now
	}
}

// answer notes the answer.
func (p *pulse) answer(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worst = max(p.worst, p.late(now))
	p.asked = time.Time{}
}

func (p *pulse) late(now time.Time) time.Duration {
	if p.asked.IsZero() {
		return 0
	}
	return max(0, now.Sub(p.asked)-usualAnswer)
}

// lateness is by how much an answer took longer than usual, at most; one that is
// still to come counts.
func (p *pulse) lateness(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.worst, p.late(now))
}

// feel asks again and again, until the context ends. A refusal is an answer.
func (p *pulse) feel(ctx context.Context, raw func(ctx context.Context, method, path string, body []byte) ([]byte, error)) {
	for {
		p.ask(time.Now())
		_, err := raw(ctx, http.MethodGet, versionPath, nil)
		if ctx.Err() == nil && !passing(err) && !apierrors.IsInternalError(err) {
			p.answer(time.Now())
		}
		if !pause(ctx, pulseEvery) {
			return
		}
	}
}
