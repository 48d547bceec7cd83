package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// tidyPatience is how long an interrupted command may take to end its VMs, probers
// and clusters, to remove their sockets, and to write its report: a busy machine
// needs more than a moment. The testbed kubevirt takes longest; what it could not
// remove is named before the end.
const tidyPatience = kubevirt.TidyPatience + 15*time.Second

type tidyKey struct{}

// withTidying lets commands say that they have something to tidy up. tidied
// waits until nobody has, tidyPatience at most.
func withTidying(ctx context.Context) (_ context.Context, tidied func()) {
	var busy atomic.Int32
	return context.WithValue(ctx, tidyKey{}, &busy), func() {
		for end := time.Now().Add(tidyPatience); busy.Load() > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(patience) // the command returns
	}
}

// tidies says that there is something to tidy up until done is called.
func tidies(ctx context.Context) (done func()) {
	busy, ok := ctx.Value(tidyKey{}).(*atomic.Int32)
	if !ok {
		return func() {}
	}
	busy.Add(1)
	return func() { busy.Add(-1) }
}
