package spec

import (
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/vmprobe/vmprobe/probes"
)

// neverStarts follows every pod error of a VM: KubeVirt's webhook does not
// look, the API server refuses the pod that KubeVirt creates.
const neverStarts = "the webhook admits the VMI, its pod is refused: the VMI never starts"

// podError reports what pod validation says.
func (r *resolver) podError(requirement string, e *field.Error) {
	f := Finding{
		Severity: Rejects, Requirement: requirement, Path: e.Field, Message: e.ErrorBody(), By: ByAPIServer,
	}
	if r.profile.VM {
		f.Note = neverStarts
	}
	r.add(f)
}

// values applies the pod rules to a probe whose handler is settled.
func (r *resolver) values(w *written, p *probes.Probe) {
	if r.profile.VM {
		r.podDelay(w)
	} else {
		r.nonNegative(w)
	}
	if p.Kind != probes.Readiness && p.SuccessThreshold != 1 {
		r.podError("VAL-LIVE-SUCC1", field.Invalid(w.path.Child("successThreshold"), p.SuccessThreshold, "must be 1"))
	}
	r.probeGrace(w)
	r.timeoutBelowPeriod(w, p)
	switch p.Handler {
	case probes.HTTPGet:
		r.httpGet(w.http, w.path.Child("httpGet"))
	case probes.TCPSocket:
		r.port(w.tcp.Port, w.path.Child("tcpSocket", "port"))
	case probes.Exec:
		if len(w.exec.Command) == 0 {
			r.podError("VAL-EXEC-CMD", field.Required(w.path.Child("exec", "command"), ""))
		}
	case probes.NoHandler, probes.GuestAgentPing:
	}
}

const nonNegative = "must be greater than or equal to 0"

func (r *resolver) nonNegative(w *written) {
	for _, f := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", w.delay},
		{"timeoutSeconds", w.timeout},
		{"periodSeconds", w.period},
		{"successThreshold", w.success},
		{"failureThreshold", w.failure},
	} {
		if f.value < 0 {
			r.podError("VAL-NONNEG", field.Invalid(w.path.Child(f.name), f.value, nonNegative))
		}
	}
}

// podDelay checks the delay of the launcher pod, which is the VMI's plus the
// profile's extra in 32 bits.
func (r *resolver) podDelay(w *written) {
	pod := int64(w.delay) + int64(r.profile.DelayExtra/time.Second)
	if pod > math.MaxInt32 {
		pod -= 1 << 32
	}
	path := w.path.Child("initialDelaySeconds")
	switch {
	case pod < 0:
		r.podError("VAL-NONNEG", field.Invalid(path, pod, nonNegative))
	case w.delay < 0:
		r.add(Finding{
			Severity: Warns, Requirement: "DEF-NEG-KV", Path: path.String(), By: ByVMProbe,
			Message: fmt.Sprintf("initialDelaySeconds: %d passes KubeVirt; the pod's delay is %d s", w.delay, pod),
		})
	}
}

func (r *resolver) probeGrace(w *written) {
	if w.grace == nil {
		return
	}
	path := w.path.Child("terminationGracePeriodSeconds")
	switch {
	case w.kind == probes.Readiness:
		r.podError("VAL-PROBE-GRACE", field.Invalid(path, *w.grace, "must not be set for readinessProbes"))
	case *w.grace <= 0:
		r.podError("VAL-PROBE-GRACE", field.Invalid(path, *w.grace, "must be greater than 0"))
	}
}

// timeoutBelowPeriod is the guide's rule that nobody enforces.
func (r *resolver) timeoutBelowPeriod(w *written, p *probes.Probe) {
	if p.Timeout < p.Period {
		return
	}
	f := Finding{
		Severity: Warns, Requirement: "VAL-TIMEOUT-LT-PERIOD", Path: w.path.Child("timeoutSeconds").String(), By: ByGuide,
		Message: fmt.Sprintf("timeoutSeconds (%d) must be less than periodSeconds (%d)",
			int(p.Timeout/time.Second), int(p.Period/time.Second)),
		Note: "no component enforces this: a hung attempt delays the next one",
	}
	if r.profile.StrictTimeout {
		f.Severity, f.Note = Rejects, "guide 14.7.2, notes 5 and 6"
	}
	r.add(f)
}

func (r *resolver) httpGet(h *corev1.HTTPGetAction, path *field.Path) {
	r.port(h.Port, path.Child("port"))
	switch h.Scheme {
	case "", corev1.URISchemeHTTP, corev1.URISchemeHTTPS:
	default:
		r.scheme(h, path.Child("scheme"))
	}
	for _, header := range h.HTTPHeaders {
		for _, msg := range validation.IsHTTPHeaderName(header.Name) {
			r.podError("VAL-HEADER-NAME", field.Invalid(path.Child("httpHeaders"), header.Name, msg))
		}
	}
	r.http2(h, path)
}

// scheme refuses an unknown one: KubeVirt's webhook holds the object against its
// schema first, and the pod is never made.
func (r *resolver) scheme(h *corev1.HTTPGetAction, path *field.Path) {
	if r.profile.VM && r.profile.Name != probes.KubeVirtLegacy {
		r.add(Finding{
			Severity: Rejects, Requirement: "VAL-SCHEME", Path: path.String(), By: ByWebhook,
			Message: path.String() + " in body should be one of [HTTP HTTPS]",
		})
		return
	}
	r.podError("VAL-SCHEME", field.NotSupported(path, h.Scheme, []corev1.URIScheme{corev1.URISchemeHTTP, corev1.URISchemeHTTPS}))
}

// http2 checks the protocol field of Kubernetes 1.37. The rule is upstream's,
// the words are ours.
func (r *resolver) http2(h *corev1.HTTPGetAction, path *field.Path) {
	if h.Protocol == nil || *h.Protocol == corev1.HTTPProtocolHTTP1 {
		return
	}
	path = path.Child("protocol")
	switch {
	case *h.Protocol != corev1.HTTPProtocolHTTP2:
		r.podError("VAL-HTTP2", field.NotSupported(path, *h.Protocol,
			[]corev1.HTTPProtocol{corev1.HTTPProtocolHTTP1, corev1.HTTPProtocolHTTP2}))
	case h.Scheme != "" && h.Scheme != corev1.URISchemeHTTP:
		r.podError("VAL-HTTP2", field.Invalid(path, *h.Protocol, "HTTP2 needs scheme HTTP"))
	case h.Host != "":
		r.podError("VAL-HTTP2", field.Invalid(path, *h.Protocol, "HTTP2 allows no host"))
	default:
		r.add(Finding{
			Severity: Warns, Requirement: "VAL-HTTP2", Path: path.String(), By: ByVMProbe,
			Message: "protocol HTTP2 is probed as HTTP/1.1: feature gate H2CContainerProbe is off by default",
		})
	}
}

func (r *resolver) port(p intstr.IntOrString, path *field.Path) {
	if p.Type == intstr.Int {
		for _, msg := range validation.IsValidPortNum(p.IntValue()) {
			r.podError("VAL-PORT", field.Invalid(path, p.IntValue(), msg))
		}
		return
	}
	for _, msg := range validation.IsValidPortName(p.StrVal) {
		r.podError("VAL-PORT", field.Invalid(path, p.StrVal, msg))
	}
}
