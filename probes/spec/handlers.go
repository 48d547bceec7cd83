package spec

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/vmprobe/vmprobe/probes"
)

// handlers checks that the probe has exactly one handler and that the profile
// knows it; false when there is nothing to run.
func (r *resolver) handlers(w *written) bool {
	if w.grpc {
		r.add(Finding{
			Severity: Rejects, Requirement: "VAL-NO-GRPC-KV", Path: w.path.Child("grpc").String(), By: ByVMProbe,
			Message: "grpc probes are not driven by vmprobe",
		})
	}
	if r.profile.VM {
		return r.kubeVirtHandlers(w)
	}
	return r.podHandlers(w)
}

// podHandlers follows the API server: the first handler counts, each further
// one is forbidden (VAL-ONE-HANDLER).
func (r *resolver) podHandlers(w *written) bool {
	found := 0
	for _, h := range []struct {
		name string
		set  bool
	}{{"exec", w.exec != nil}, {"httpGet", w.http != nil}, {"tcpSocket", w.tcp != nil}, {"grpc", w.grpc}} {
		if !h.set {
			continue
		}
		if found++; found > 1 {
			r.podError("VAL-ONE-HANDLER", field.Forbidden(w.path.Child(h.name), "may not specify more than 1 handler type"))
		}
	}
	if found > 0 {
		return w.handler() != probes.NoHandler
	}
	e := field.Required(w.path, "must specify a handler type")
	r.add(Finding{
		Severity: Rejects, Requirement: "VAL-ONE-HANDLER", Path: e.Field, Message: e.ErrorBody(), By: ByAPIServer,
		Note: pingNote(w),
	})
	return false
}

func pingNote(w *written) string {
	if w.ping {
		return "guestAgentPing is KubeVirt's: a container's probe does not have it"
	}
	return ""
}

// kubeVirtHandlers follows KubeVirt's webhook, then the profile.
func (r *resolver) kubeVirtHandlers(w *written) bool {
	found := 0
	for _, set := range []bool{w.http != nil, w.tcp != nil, w.exec != nil, w.ping} {
		if set {
			found++
		}
	}
	switch {
	case found > 1:
		r.webhookError("VAL-ONE-HANDLER", w.path, fmt.Sprintf("%s must have exactly one probe type set", w.path), "")
	case found == 0:
		r.webhookError("VAL-ONE-HANDLER", w.path, fmt.Sprintf("either %s, %s or %s must be set if a %s is specified",
			w.path.Child("tcpSocket"), w.path.Child("exec"), w.path.Child("httpGet"), w.path),
			"guestAgentPing counts too, though the message does not name it")
		return false
	}
	if w.handler() == probes.Exec && !r.profile.ExecAllowed {
		r.add(Finding{
			Severity: Rejects, Requirement: "EX-DOC", Path: w.path.Child("exec").String(), By: ByGuide,
			Message: "exec is not among the tests of guide 14.7.1: HTTP GET, TCP socket, guest agent ping",
		})
	}
	if w.handler() == probes.GuestAgentPing && r.profile.Name == probes.OpenShiftDoc {
		r.add(Finding{
			Severity: Notes, Requirement: "GA-TECHPREVIEW", Path: w.path.Child("guestAgentPing").String(), By: ByVMProbe,
			Message: "the guest agent ping is a Technology Preview: not for production", Note: "guide 14.7.5",
		})
	}
	return true
}

func (r *resolver) webhookError(requirement string, path *field.Path, message, note string) {
	r.add(Finding{
		Severity: Rejects, Requirement: requirement, Path: path.String(), Message: message, By: ByWebhook, Note: note,
	})
}

// webhook applies the rest of what KubeVirt's webhook says about probes.
func (r *resolver) webhook() {
	base, s := r.machine.specPath(), &r.machine.VMI.Spec
	if s.StartStrategy != nil {
		path := base.Child("startStrategy")
		switch {
		case !r.out.StartPaused:
			r.webhookError("VAL-STARTPAUSED-KV", path,
				fmt.Sprintf("%s is set with an unrecognized option: %s", path, *s.StartStrategy), "")
		case s.LivenessProbe != nil:
			r.webhookError("VAL-STARTPAUSED-KV", path, fmt.Sprintf(
				"either %s or %s should be provided.Pausing VMI with LivenessProbe is not supported",
				path, base.Child("livenessProbe")), "")
		}
	}
	if r.out.PodNetwork {
		return
	}
	for _, w := range r.machine.written() {
		if w.http != nil {
			r.noPodNetwork(w.path.Child("httpGet"))
		}
		if w.tcp != nil {
			r.noPodNetwork(w.path.Child("tcpSocket"))
		}
	}
}

func (r *resolver) noPodNetwork(path *field.Path) {
	r.webhookError("VAL-PODNET-KV", path, fmt.Sprintf("%s is only allowed if the Pod Network is attached", path), "")
}
