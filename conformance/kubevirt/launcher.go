package kubevirt

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/scenarios"
)

// consoleLog is the container of a launcher pod that has the serial console for
// its log.
const consoleLog = "guest-console-log"

// createVMs makes the VMs, and starts those that nobody else starts.
func (r *run) createVMs() error {
	for i := range r.c.VMs {
		v := &r.c.VMs[i]
		object, overlay, err := r.bed.machineOf(v)
		if err != nil {
			return err
		}
		resource := vmiResource()
		if object.GetKind() == "VirtualMachine" {
			resource = vmResource()
		}
		r.notes = append(r.notes, fmt.Sprintf("%s %s runs with this changed:\n%s", object.GetKind(), v.Name, overlay))
		now := time.Now()
		if err := r.admit(resource, object); err != nil {
			return explain("create "+resource.Resource, err)
		}
		if r.created.IsZero() {
			r.created = now
		}
		if object.GetKind() == "VirtualMachine" && isOff(v) {
			if err := r.subresource("virtualmachines", v.Name, starting); err != nil {
				return explain("update virtualmachines/start", err)
			}
		}
	}
	return nil
}

// admit makes an object of KubeVirt. While its webhooks do not answer it is tried
// again.
func (r *run) admit(resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	return insist(r.ctx, apierrors.IsInternalError, func() error {
		_, err := r.bed.Dynamic.Resource(resource).Namespace(r.namespace).Create(r.ctx, object, metav1.CreateOptions{})
		return err
	})
}

// starting is the action that comes before a run begins: it cannot be late.
const starting = "start"

// subresource acts on a VM or VMI. A conflict is one with what KubeVirt is about
// to do: it is tried again.
func (r *run) subresource(resource, name, action string) error {
	path := fmt.Sprintf("/apis/%s/v1/namespaces/%s/%s/%s/%s", subresources, r.namespace, resource, name, action)
	try := func() error {
		_, err := r.bed.Raw(r.ctx, http.MethodPut, path, []byte("{}"))
		return err
	}
	if action == starting {
		return insist(r.ctx, apierrors.IsConflict, try)
	}
	return r.persist(apierrors.IsConflict, try)
}

// attendLauncher reads the console of a launcher pod as soon as it has one, and
// leads its guest. The lock is held.
func (r *run) attendLauncher(pod *corev1.Pod) {
	vm, uid := pod.Labels[observe.VMLabel], string(pod.UID)
	i := slices.IndexFunc(r.c.VMs, func(v scenarios.VM) bool { return v.Name == vm })
	if i < 0 {
		return
	}
	r.waiting[vm] = whyNot(pod)
	running := false
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for j := range list {
			s := &list[j]
			running = running || s.Name == "compute" && s.State.Running != nil
			w := s.State.Waiting
			if w == nil || s.State.Running != nil {
				continue
			}
			r.waiting[vm] = s.Name + ": " + r.imageTrouble(w, "of container "+s.Name, s.Image, "--boot-image")
		}
	}
	if !running || r.logs[uid] || r.ctx.Err() != nil {
		return
	}
	r.logs[uid] = true
	poke := make(chan struct{}, 1)
	r.guests[vm], r.launchers[vm] = poke, pod.Name
	name, v := pod.Name, &r.c.VMs[i]
	r.work.Go(func() { r.followConsole(vm, uid, name) })
	r.work.Go(func() { r.attendGuest(v, uid, name, poke) })
}

func (r *run) isOver(uid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over[uid]
}

// guestCame notes when the first guest of a VM did.
func (r *run) guestCame(vm string, at time.Time) {
	r.mu.Lock()
	if _, ok := r.came[vm]; !ok {
		r.came[vm] = at
	}
	r.mu.Unlock()
	r.changed()
}

// settle lets the next case start when every guest of this one has come, or none
// will.
func (r *run) settle() {
	defer r.started()
	for r.ctx.Err() == nil {
		r.mu.Lock()
		all, last := len(r.came) == len(r.c.VMs), time.Time{}
		for _, at := range r.came {
			last = slices.MaxFunc([]time.Time{last, at}, time.Time.Compare)
		}
		r.mu.Unlock()
		if all {
			r.bed.load.startedVM(r.created, last)
			return
		}
		if !pause(r.ctx, askPause) {
			return
		}
	}
}

// followConsole hands every report of the guest of a launcher pod to the
// observer until the run is over. A stream that breaks is read again from the
// beginning: the observer knows what it has had.
func (r *run) followConsole(vm, uid, pod string) {
	for r.ctx.Err() == nil {
		stream, err := r.bed.Logs(r.ctx, r.namespace, pod, consoleLog, false)
		r.answered("the console of pod "+pod, err)
		if err == nil {
			r.readConsole(stream, vm, uid)
			_ = stream.Close()
			if r.isOver(uid) {
				return
			}
		} else if permanent(err) {
			r.fail(explain("get pods/log", err))
			return
		}
		if !pause(r.ctx, logPause) {
			return
		}
	}
}

// readConsole reads a console to its end. To the observer all boots of a VM in
// one pod are one container.
func (r *run) readConsole(stream io.Reader, vm, uid string) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxLine)
	var boots counter
	for lines.Scan() {
		now := time.Now()
		report, ok := guestlog.Parse(lines.Bytes())
		if !ok {
			r.note(vm, lines.Text())
			continue
		}
		if !boots.join(&report) {
			continue
		}
		r.mu.Lock()
		r.progress[vm] = fakevm.MergeProgress(r.progress[vm], report.Progress)
		r.observer.Report(now, vm, uid, &report)
		r.mu.Unlock()
		r.changed()
	}
}

// counter numbers the reports of all boots of a VM as those of one container.
type counter struct{ boot, base, last int }

// join renumbers a report; false: it has no place there, as the hello of a
// later boot.
func (c *counter) join(r *guestlog.Report) bool {
	if r.Container > c.boot {
		c.base = c.last
		if c.boot > 0 {
			c.base-- // for the hello
		}
		c.boot = r.Container
	}
	if r.Seq == 1 && c.last > 0 {
		return false
	}
	r.Container, r.Seq = 1, c.base+r.Seq
	c.last = max(c.last, r.Seq)
	return true
}
