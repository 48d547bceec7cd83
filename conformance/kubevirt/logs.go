package kubevirt

import (
	"bufio"
	"context"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/fakevm/guestlog"
)

// readLog reads the log of a container through the API; that of the present
// one as it is written.
func (b *Bed) readLog(ctx context.Context, namespace, pod, container string, previous bool) (io.ReadCloser, error) {
	return b.Client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, Follow: !previous, Previous: previous,
	}).Stream(ctx)
}

// logPause is how long to wait for a log that is not there yet.
const logPause = 100 * time.Millisecond

// maxLine bounds a line of a log, in bytes.
const maxLine = 1 << 20

// followLog hands every report of the guest of a pod to the observer until the
// run is over. A log that ends, as its container does, is read again: the
// observer knows what it has had.
func (r *run) followLog(vm, uid, pod, container string) {
	last := 1
	for r.ctx.Err() == nil {
		stream, err := r.bed.Logs(r.ctx, r.namespace, pod, container, false)
		r.answered("the log of pod "+pod, err)
		if err == nil {
			last = r.readReports(stream, vm, uid, last, func() { r.readPrevious(vm, uid, pod, container) })
			_ = stream.Close()
		} else if permanent(err) {
			r.fail(explain("get pods/log", err))
			return
		}
		if !pause(r.ctx, logPause) {
			return
		}
	}
}

// readPrevious reads the end of the log of the container before.
func (r *run) readPrevious(vm, uid, pod, container string) {
	stream, err := r.bed.Logs(r.ctx, r.namespace, pod, container, true)
	if err != nil {
		return // it is gone; the observer notices what is missing
	}
	defer stream.Close() //nolint:errcheck // it was only read
	r.readReports(stream, vm, uid, 1<<30, nil)
}

// readReports reads a log to its end. When a container comes after the last one
// that was known, another is called first.
func (r *run) readReports(stream io.Reader, vm, uid string, last int, another func()) int {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		now := time.Now()
		report, ok := guestlog.Parse(lines.Bytes())
		if !ok {
			r.note(vm, lines.Text())
			continue
		}
		if report.Container > last {
			last = report.Container
			another()
		}
		r.mu.Lock()
		r.observer.Report(now, vm, uid, &report)
		r.mu.Unlock()
		r.changed()
	}
	return last
}
