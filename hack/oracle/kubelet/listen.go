package kubelet

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/kubernetes/pkg/probe"
	execprobe "k8s.io/kubernetes/pkg/probe/exec"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	tcpprobe "k8s.io/kubernetes/pkg/probe/tcp"
	"k8s.io/utils/exec"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
)

type (
	httpProber = httpprobe.Prober
	tcpProber  = tcpprobe.Prober
	execProber = execprobe.Prober
)

type listeningHTTP struct {
	httpProber
	k *kubeletProber
}

// Probe implements httpprobe.Prober.
func (l listeningHTTP) Probe(req *http.Request, timeout time.Duration) (probe.Result, string, error) {
	return l.k.try(func() (probe.Result, string, error) { return l.httpProber.Probe(req, timeout) })
}

type listeningTCP struct {
	tcpProber
	k *kubeletProber
}

// Probe implements tcpprobe.Prober.
func (l listeningTCP) Probe(host string, port int, timeout time.Duration) (probe.Result, string, error) {
	return l.k.try(func() (probe.Result, string, error) {
		return bubbleTCP(net.JoinHostPort(host, strconv.Itoa(port)), timeout)
	})
}

type listeningExec struct {
	execProber
	k *kubeletProber
}

// Probe implements execprobe.Prober.
func (l listeningExec) Probe(cmd exec.Cmd) (probe.Result, string, error) {
	return l.k.try(func() (probe.Result, string, error) { return l.execProber.Probe(cmd) })
}

// tries is how often the kubelet tries an attempt that errors.
const tries = 3

// try tells of a try. A try that errs before its handler is asked, for a port
// that has no number, is not seen here.
func (k *kubeletProber) try(do func() (probe.Result, string, error)) (probe.Result, string, error) {
	w := k.present()
	k.mu.Lock()
	if w.try == 0 {
		w.attempt++
		_, _ = fmt.Sscanf(w.pod.status.ContainerStatuses[0].ContainerID, "sim://"+string(w.pod.object.UID)+"-%d", &w.instance)
	}
	w.try++
	report := door.TryFinished{Instance: w.instance, Attempt: w.attempt, Try: w.try}
	panics := w.panics
	w.panics = false
	k.mu.Unlock()
	w.p.Report(door.TryStarted{Instance: report.Instance, Attempt: report.Attempt, Try: report.Try})
	if panics {
		w.try = 0
		report.Class, report.Panicked = probes.Errored, true
		w.p.Report(report)
		panic("as the story wants")
	}
	result, output, err := do()
	report.Class, report.Message = classOf(result, err), output
	if err != nil {
		report.Message = err.Error()
	}
	report.Again = err != nil && report.Try < tries
	if !report.Again {
		w.try = 0
	}
	w.p.Report(report)
	return result, output, err
}

func classOf(r probe.Result, err error) probes.Class {
	switch {
	case err != nil:
		return probes.Errored
	case r == probe.Success:
		return probes.Success
	case r == probe.Warning:
		return probes.Warning
	}
	return probes.Failure
}
