package spec

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmprobe/vmprobe/probes"
)

// The defaults of core/v1 Probe, which KubeVirt shares.
const (
	defaultPeriod  = 10 // DEF-PERIOD
	defaultTimeout = 1  // DEF-TIMEOUT
	defaultFailure = 3  // DEF-FAILTHR
	defaultSuccess = 1  // DEF-SUCCTHR
)

// defaulter turns one written probe into an effective one and notes where
// each value came from.
type defaulter struct {
	profile  probes.Profile
	ports    map[string]int // named ports of the container
	out      probes.Probe
	settings []Setting
	findings []Finding
}

func (d *defaulter) set(name, value string, origin Origin, note, requirement string) {
	d.settings = append(d.settings, Setting{
		Field: name, Value: value, Origin: origin, Note: note, Requirement: requirement,
	})
}

// apiDefault is the API whose defaults fill the probe's own fields.
func (d *defaulter) apiDefault() Origin {
	if d.profile.VM {
		return FromKubeVirtDefault
	}
	return FromKubeDefault
}

func (d *defaulter) probe(w *written) {
	d.out.Kind, d.out.Handler = w.kind, w.handler()
	d.handler(w)
	d.delay(w)
	period := d.number(w, "periodSeconds", w.period, defaultPeriod, "DEF-PERIOD")
	d.out.Period = seconds(int64(period))
	timeout := d.number(w, "timeoutSeconds", w.timeout, defaultTimeout, "DEF-TIMEOUT")
	d.out.Timeout = seconds(int64(timeout))
	d.timeoutNote()
	d.out.FailureThreshold = d.number(w, "failureThreshold", w.failure, defaultFailure, "DEF-FAILTHR")
	d.out.SuccessThreshold = d.number(w, "successThreshold", w.success, defaultSuccess, "DEF-SUCCTHR")
	d.out.TerminationGrace = -time.Second
	if w.grace != nil {
		d.set("terminationGracePeriodSeconds", strconv.FormatInt(*w.grace, 10), FromManifest, "", "VAL-PROBE-GRACE")
		if w.kind != probes.Readiness && *w.grace > 0 {
			d.out.TerminationGrace = seconds(*w.grace)
		}
	}
}

// number defaults one whole number: KubeVirt below 1, Kubernetes at 0. A
// negative number that Kubernetes rejects takes the default too, so that the
// result is always a probe that can run.
func (d *defaulter) number(w *written, name string, value int32, fallback int32, requirement string) int32 {
	switch {
	case value >= 1:
		d.set(name, strconv.Itoa(int(value)), FromManifest, "", requirement)
		return value
	case value == 0:
		d.set(name, strconv.Itoa(int(fallback)), d.apiDefault(), "", requirement)
		return fallback
	}
	if d.profile.VM {
		d.set(name, strconv.Itoa(int(fallback)), FromKubeVirtDefault,
			fmt.Sprintf("%d in the manifest", value), "DEF-NEG-KV")
		d.findings = append(d.findings, Finding{
			Severity: Warns, Requirement: "DEF-NEG-KV", Path: w.path.Child(name).String(), By: ByVMProbe,
			Message: fmt.Sprintf("%s: %d silently becomes the default %d", name, value, fallback),
			Note:    "KubeVirt defaults everything below 1; Kubernetes would reject a negative value",
		})
		return fallback
	}
	d.set(name, strconv.Itoa(int(fallback)), FromKubeDefault, fmt.Sprintf("%d is rejected", value), "VAL-NONNEG")
	return fallback
}

func (d *defaulter) delay(w *written) {
	origin := FromManifest
	if w.delay == 0 {
		origin = d.apiDefault()
	}
	note, requirement := "", "DEF-DELAY"
	total := seconds(int64(w.delay)) + d.profile.DelayExtra
	if d.profile.DelayExtra > 0 {
		origin, requirement = FromProfile, "KV-DELAY-PLUS10"
		note = fmt.Sprintf("%ds + %s (LibvirtStartupDelay)", w.delay, d.profile.DelayExtra)
	}
	if total < 0 {
		note, total = strings.TrimPrefix(note+"; a negative delay is no delay", "; "), 0
	}
	d.out.InitialDelay = total
	d.set("initialDelaySeconds", strconv.FormatInt(int64(total/time.Second), 10), origin, note, requirement)
}

// timeoutNote says what the profile does to the timeout of the handlers that
// run a program.
func (d *defaulter) timeoutNote() {
	last := &d.settings[len(d.settings)-1]
	extra := d.profile.ExecOuterExtra
	switch {
	case d.out.Handler == probes.GuestAgentPing && d.profile.AgentInner > 0:
		last.Note = fmt.Sprintf("kubelet kills virt-probe at %s; libvirt waits %s for guest-sync and again for guest-ping whatever is written",
			d.out.Timeout+extra, d.profile.AgentInner)
		last.Requirement = "GA-TIMEOUT-INNER"
	case d.out.Handler == probes.Exec && extra > 0:
		last.Note = fmt.Sprintf("kubelet kills virt-probe at %s; the guest command is not killed", d.out.Timeout+extra)
		last.Requirement = "EX-MAP-KV"
	}
}

func (d *defaulter) handler(w *written) {
	d.set("handler", d.out.Handler.String(), FromManifest, "", "VAL-ONE-HANDLER")
	switch d.out.Handler {
	case probes.HTTPGet:
		d.http(w.http)
	case probes.TCPSocket:
		d.out.TCP = probes.TCPTarget{Host: w.tcp.Host, Port: d.port("tcpSocket.port", w.tcp.Port)}
		d.host("tcpSocket.host", w.tcp.Host, "TCP-HOST")
	case probes.Exec:
		d.out.Command = append([]string(nil), w.exec.Command...)
		d.set("exec.command", fmt.Sprintf("%q", w.exec.Command), FromManifest, "", "EX-NO-SHELL")
	case probes.GuestAgentPing, probes.NoHandler:
	}
}

func (d *defaulter) http(h *corev1.HTTPGetAction) {
	out := &d.out.HTTP
	out.Scheme, out.Path, out.Host = string(h.Scheme), h.Path, h.Host
	// The API server of the pod fills these two in, also for a VM's pod.
	origin := FromManifest
	if out.Scheme == "" {
		out.Scheme, origin = "HTTP", FromKubeDefault
	}
	d.set("httpGet.scheme", out.Scheme, origin, "", "DEF-HTTP-PATH")
	out.Port = d.port("httpGet.port", h.Port)
	origin = FromManifest
	if out.Path == "" {
		out.Path, origin = "/", FromKubeDefault
	}
	d.set("httpGet.path", out.Path, origin, "", "DEF-HTTP-PATH")
	d.host("httpGet.host", out.Host, "HTTP-HOST-DEFAULT")
	if len(h.HTTPHeaders) == 0 {
		return
	}
	shown := make([]string, len(h.HTTPHeaders))
	for i, header := range h.HTTPHeaders {
		out.Headers = append(out.Headers, probes.Header{Name: header.Name, Value: header.Value})
		shown[i] = header.Name + ": " + header.Value
	}
	d.set("httpGet.httpHeaders", strings.Join(shown, ", "), FromManifest, "", "HTTP-HDR-CUSTOM")
}

func (d *defaulter) host(name, host, requirement string) {
	if host == "" {
		d.set(name, "(the pod's address)", d.apiDefault(), "", requirement)
		return
	}
	d.set(name, host, FromManifest, "", requirement)
}

func (d *defaulter) port(name string, port intstr.IntOrString) probes.Port {
	if port.Type == intstr.Int {
		d.set(name, strconv.Itoa(port.IntValue()), FromManifest, "", "VAL-PORT")
		return probes.Port{Number: port.IntValue()}
	}
	// A quoted number is a number to the kubelet when no port has that name.
	number, found := d.ports[port.StrVal]
	note := fmt.Sprintf("named port = %d", number)
	if !found {
		n, err := strconv.Atoi(port.StrVal)
		if err == nil {
			number, note = n, "quoted number"
		} else {
			note = "no port of this name: every attempt is an error"
		}
	}
	d.set(name, port.StrVal, FromManifest, note, "VAL-NAMED-PORT")
	return probes.Port{Number: number, Name: port.StrVal}
}

// maxSeconds keeps whole seconds within a time.Duration.
const maxSeconds = int64(1<<63-1) / int64(time.Second)

func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, -maxSeconds), maxSeconds)) * time.Second
}
