package kubevirt

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// source lists and watches one kind of objects of a namespace.
type source struct {
	name  string // "pods"
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// How soon a watch that broke is begun again. One that lived for less than steady
// is taken for a try that failed.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
	steady     = time.Second
)

// follower hands every change of its source on.
type follower struct {
	source
	take func(time.Time, watch.EventType, runtime.Object)
	lost func(error) // nobody watches any more, and why
	back func()      // somebody watches

	known map[string]runtime.Object // by name and uid
	order []string
}

// follow hands on every change until ctx ends. A watch that ends is begun again
// with a list, of which what is missing was deleted. An error that does not pass,
// as forbidden, ends it.
func (f *follower) follow(ctx context.Context) error {
	f.known = map[string]runtime.Object{}
	for wait := retryFirst; ; {
		w, err := f.relist(ctx)
		if err == nil {
			f.back()
			begun := time.Now()
			err = f.drain(ctx, w)
			if ctx.Err() == nil && time.Since(begun) >= steady {
				f.lost(err)
				wait = retryFirst
				continue
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // its time is over
		case permanent(err):
			return explain("watch "+f.name, err)
		}
		f.lost(err)
		pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
}

// relist brings known up to the present and begins a watch from there.
func (f *follower) relist(ctx context.Context) (watch.Interface, error) {
	list, err := f.list(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	objects, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	now, there := time.Now(), map[string]bool{}
	for _, o := range objects {
		key := keyOf(o)
		there[key] = true
		f.remember(key, o)
		f.take(now, watch.Modified, o)
	}
	for _, key := range f.order {
		if o := f.known[key]; o != nil && !there[key] {
			delete(f.known, key)
			f.take(now, watch.Deleted, o)
		}
	}
	access, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	return f.watch(ctx, metav1.ListOptions{ResourceVersion: access.GetResourceVersion()})
}

// drain takes what a watch has until it ends. The error is what the API says of
// that; nil: nothing.
func (f *follower) drain(ctx context.Context, w watch.Interface) error {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.ResultChan():
			if !ok {
				return nil
			}
			if e.Type == watch.Error {
				return apierrors.FromObject(e.Object)
			}
			if e.Type == watch.Deleted {
				delete(f.known, keyOf(e.Object))
			} else {
				f.remember(keyOf(e.Object), e.Object)
			}
			f.take(time.Now(), e.Type, e.Object)
		}
	}
}

func (f *follower) remember(key string, o runtime.Object) {
	if f.known[key] == nil {
		f.order = append(f.order, key)
	}
	f.known[key] = o
}

func keyOf(o runtime.Object) string {
	access, err := meta.Accessor(o)
	if err != nil {
		return ""
	}
	return access.GetName() + "/" + string(access.GetUID())
}
