package kubevirt_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// pods is a list of them, of a version.
func pods(names ...string) *corev1.PodList {
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
	for _, n := range names {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: n}})
	}
	return list
}

// TestFollow: after a watch that the API ends because its version is too old the
// list tells what is missing.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		lists, watches := 0, 0
		var got []string
		var why []error
		err := kubevirt.Follow(ctx,
			func(context.Context, metav1.ListOptions) (runtime.Object, error) {
				switch lists++; lists {
				case 1:
					return pods("a", "b"), nil
				case 2, 3:
					return nil, refusedConnection()
				}
				return pods("b", "c"), nil
			},
			func(context.Context, metav1.ListOptions) (watch.Interface, error) {
				w := watch.NewFake()
				if watches++; watches == 1 {
					go func() {
						time.Sleep(2 * time.Second)
						w.Error(&apierrors.NewResourceExpired("too old").ErrStatus)
					}()
				}
				return w, nil
			},
			func(_ time.Time, kind watch.EventType, o runtime.Object) {
				got = append(got, string(kind)+" "+o.(*corev1.Pod).Name) //nolint:forcetypeassert // it is one
			},
			func(err error) { why = append(why, err) }, func() { why = append(why, nil) })
		if err != nil {
			t.Error(err)
		}
		want := "MODIFIED a, MODIFIED b, MODIFIED b, MODIFIED c, DELETED a"
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s, want %s", s, want)
		}
		if len(why) != 5 || why[0] != nil || !apierrors.IsResourceExpired(why[1]) || !errors.Is(why[3], syscall.ECONNREFUSED) || why[4] != nil {
			t.Errorf("%v", why)
		}
	})
}

// TestFollowPauses: an API that ends each watch at once is not asked without end.
func TestFollowPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		lists := 0
		err := kubevirt.Follow(ctx,
			func(context.Context, metav1.ListOptions) (runtime.Object, error) {
				if lists++; lists > 1000 {
					cancel()
				}
				return pods(), nil
			},
			func(context.Context, metav1.ListOptions) (watch.Interface, error) {
				w := watch.NewFake()
				w.Stop()
				return w, nil
			},
			func(time.Time, watch.EventType, runtime.Object) {}, func(error) {}, func() {})
		if err != nil || lists > 20 {
			t.Errorf("asked %d times in 20 s, %v", lists, err)
		}
	})
}
