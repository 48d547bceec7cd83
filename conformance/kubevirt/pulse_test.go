package kubevirt

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestPulse: what KubeVirt's API server takes longer than usual, anything that it
// writes may take, too; that it refuses to answer says nothing.
func TestPulse(t *testing.T) {
	busy := apierrors.NewServiceUnavailable("the webhook has no endpoints")
	type answer struct {
		after time.Duration
		err   error
	}
	for _, c := range []struct {
		name    string
		answers []answer // the last one again and again
		want    time.Duration
	}{
		{"prompt", []answer{{10 * time.Millisecond, nil}}, 0},
		{"refused", []answer{{0, apierrors.NewForbidden(schema.GroupResource{Resource: "version"}, "", errors.New("no"))}}, 0},
		{"as usual", []answer{{time.Second, nil}}, 0},
		{"late once", []answer{{0, nil}, {12 * time.Second, nil}, {0, nil}}, 11 * time.Second},
		{"unavailable twice", []answer{{0, busy}, {3 * time.Second, busy}, {time.Second, nil}, {0, nil}}, 7 * time.Second},
		{"no answer at the end", []answer{{0, nil}, {time.Hour, nil}}, 57 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var p pulse
				n := 0
				go p.feel(ctx, func(ctx context.Context, _, path string, _ []byte) ([]byte, error) {
					if path != "/apis/subresources.kubevirt.io/v1/version" {
						t.Error(path)
					}
					a := c.answers[min(n, len(c.answers)-1)]
					n++
					if !pause(ctx, a.after) {
						return nil, ctx.Err()
					}
					return nil, a.err
				})
				time.Sleep(time.Minute)
				if got := p.lateness(time.Now()); got != c.want {
					t.Errorf("late by %v, want %v", got, c.want)
				}
				cancel()
				synctest.Wait()
				if got := p.lateness(time.Now()); got != c.want {
					t.Errorf("the end of the run counts as an answer: late by %v, want %v", got, c.want)
				}
			})
		})
	}
}
