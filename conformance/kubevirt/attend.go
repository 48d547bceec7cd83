package kubevirt

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/scenarios"
)

// attend reads the log of a pod as soon as it has one, and notices one that
// never will. The lock is held.
func (r *run) attend(pod *corev1.Pod) {
	vm := pod.Labels[observe.VMLabel]
	i := slices.IndexFunc(r.c.VMs, func(v scenarios.VM) bool { return v.Name == vm })
	if i < 0 {
		return
	}
	container := observe.ContainerOf(r.c, &r.c.VMs[i])
	r.waiting[vm] = whyNot(pod)
	for j := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[j]
		if w := s.State.Waiting; s.Name == container && w != nil {
			r.waiting[vm] = r.imageTrouble(w, "of the guest", r.bed.Image, "--pod-image")
		}
		if uid := string(pod.UID); s.Name == container && s.State.Waiting == nil && !r.logs[uid] && r.ctx.Err() == nil {
			r.logs[uid] = true
			name := pod.Name
			r.work.Go(func() { r.followLog(vm, uid, name, container) })
		}
	}
}

// imageTrouble is why a container waits, and what to do if it has no image. One that
// will never have it ends the run; one that is to be pulled may still come. The lock
// is held.
func (r *run) imageTrouble(w *corev1.ContainerStateWaiting, whose, image, option string) string {
	why := strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
	fix := "load it into the nodes (cmd/README.md says how), or name another one by " + option
	what := "image " + image + " " + whose + ": " + why
	switch w.Reason {
	case "ErrImageNeverPull", "InvalidImageName":
		if r.err == nil {
			r.err = &unusable{what, fix, nil}
		}
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError":
		return what + "; " + fix
	}
	return why
}

// whyNot is why a pod has no container yet.
func whyNot(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return strings.TrimSuffix(c.Reason+": "+c.Message, ": ")
		}
	}
	return "it is " + string(pod.Status.Phase)
}
