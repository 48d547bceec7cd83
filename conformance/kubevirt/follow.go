package kubevirt

import (
	"context"
	"time"

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

// How soon a watch that broke is begun again.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
)

// follow hands every change of the source to take until ctx ends. A watch that
// ends is begun again with a list, of which what is missing was deleted; for
// how long nobody watched is told to cut. begun is called when the first watch
// is there. An error that does not pass, as forbidden, ends it.
func follow(
	ctx context.Context, s source, begun func(), cut func(time.Duration),
	take func(time.Time, watch.EventType, runtime.Object),
) error {
	known := map[string]runtime.Object{} // by uid or name
	var order []string
	var lost time.Time
	wait := retryFirst
	for {
		w, err := relist(ctx, s, known, &order, take)
		switch {
		case ctx.Err() != nil:
			if w != nil {
				w.Stop()
			}
			return nil
		case err != nil && permanent(err):
			return explain("watch "+s.name, err)
		case err != nil:
			if lost.IsZero() {
				lost = time.Now()
			}
			pause(ctx, wait)
			wait = min(2*wait, retryMost)
			continue
		}
		if !lost.IsZero() {
			cut(time.Since(lost))
		}
		if begun != nil {
			begun()
			begun = nil
		}
		wait = retryFirst
		drain(ctx, w, known, &order, take)
		lost = time.Now()
	}
}

// relist brings known up to the present and begins a watch from there.
func relist(
	ctx context.Context, s source, known map[string]runtime.Object, order *[]string,
	take func(time.Time, watch.EventType, runtime.Object),
) (watch.Interface, error) {
	list, err := s.list(ctx, metav1.ListOptions{})
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
		remember(known, order, key, o)
		take(now, watch.Modified, o)
	}
	for _, key := range *order {
		if o := known[key]; o != nil && !there[key] {
			delete(known, key)
			take(now, watch.Deleted, o)
		}
	}
	access, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	return s.watch(ctx, metav1.ListOptions{ResourceVersion: access.GetResourceVersion()})
}

// drain takes what a watch has until it ends.
func drain(
	ctx context.Context, w watch.Interface, known map[string]runtime.Object, order *[]string,
	take func(time.Time, watch.EventType, runtime.Object),
) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.ResultChan():
			if !ok || e.Type == watch.Error {
				return
			}
			if e.Type == watch.Deleted {
				delete(known, keyOf(e.Object))
			} else {
				remember(known, order, keyOf(e.Object), e.Object)
			}
			take(time.Now(), e.Type, e.Object)
		}
	}
}

func remember(known map[string]runtime.Object, order *[]string, key string, o runtime.Object) {
	if known[key] == nil {
		*order = append(*order, key)
	}
	known[key] = o
}

func keyOf(o runtime.Object) string {
	access, err := meta.Accessor(o)
	if err != nil {
		return ""
	}
	return access.GetName() + "/" + string(access.GetUID())
}
