package protocol

import "encoding/json"

// Op names what the suite asks.
type Op string

// The operations. The first message is a hello; open and close are around
// each case, with steps between them.
const (
	Hello Op = "hello"
	Open  Op = "open"
	Step  Op = "step"
	Close Op = "close"
)

// Request is one message of the suite.
type Request struct {
	// Seq counts messages from 1; the reply repeats it.
	Seq int64 `json:"seq"`
	// Op says what is asked.
	Op Op `json:"op"`

	// Protocol is the version that the suite speaks (hello).
	Protocol int `json:"protocol,omitempty"`
	// Suite is the name and version of the suite (hello).
	Suite string `json:"suite,omitempty"`
	// Offered are the features that a prober may claim (hello). Two of them are
	// canaries, other ones in each run: a feature and a kind of probe that no
	// prober has. Who claims them has not read the list.
	Offered []string `json:"offered,omitempty"`
	// Door says how the prober is tested (hello): sockets, or lockstep when it
	// is absent.
	Door string `json:"door,omitempty"`

	// Run is the number of a case that runs, in all its messages (open, step,
	// close; sockets door alone). Reports repeat it.
	Run int64 `json:"run,omitempty"`

	// Case is the id of the case (open).
	Case string `json:"case,omitempty"`
	// Profile is the dialect of the case: openshift-doc, kubevirt-legacy,
	// kubevirt or kubernetes (open).
	Profile string `json:"profile,omitempty"`
	// Seed is all the randomness that a prober has (open).
	Seed uint64 `json:"seed,omitempty"`
	// ProberAgeNs is for how long the prober process has run at instant 0
	// (open): a kubelet that is young spreads its first attempts.
	ProberAgeNs int64 `json:"proberAgeNs,omitempty"`
	// Proxy is the "host:port" that HTTP_PROXY and HTTPS_PROXY name in the
	// environment of the prober (open). Nobody may ask it. The environment of
	// the process itself names none.
	Proxy string `json:"proxy,omitempty"`
	// VMs are the machines to probe (open).
	VMs []VM `json:"vms,omitempty"`

	// NowNs is the present instant (step). It never goes back. Behind the
	// sockets door it is the instant at which the message was written.
	NowNs int64 `json:"nowNs,omitempty"`
	// Events are what happened at this instant, in order (step). None: the
	// instant that the prober asked to be woken at has come.
	Events []Event `json:"events,omitempty"`
}

// VM is a machine to probe.
type VM struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Manifest is the object as it was written: a VirtualMachine, a
	// VirtualMachineInstance or a Pod. Defaults are the prober's business.
	Manifest json.RawMessage `json:"manifest"`
	// Probes are those of the manifest, as they were written there: nothing is
	// defaulted, and ports may be names.
	Probes Probes `json:"probes"`
	// Ports are the ports of the manifest that have a name.
	Ports map[string]int `json:"ports,omitempty"`
}

// Probes are probes by kind, each as in the API of the manifest; of a pod those
// of the container that is probed.
type Probes struct {
	Readiness json.RawMessage `json:"readiness,omitempty"`
	Liveness  json.RawMessage `json:"liveness,omitempty"`
	Startup   json.RawMessage `json:"startup,omitempty"`
}

// Happening names an event.
type Happening string

// The events of a step.
const (
	// ContainerStarted tells of a new container: Instance counts the
	// containers of the VM from 1, Pod is the instance of the first one in its
	// pod (with every event of a container), Address the pod's IP address,
	// StartedNs the instant of its start, Target marks the target of a live
	// migration. AgentSocket is the path of the unix socket of the guest agent
	// (sockets door): it is there while the agent has its port open, for one
	// client at a time.
	ContainerStarted Happening = "containerStarted"
	// ContainerStopped tells that it runs no more; WillRestart: another one
	// follows in the same pod.
	ContainerStopped Happening = "containerStopped"
	// Terminating tells that the pod is being deleted. A container that was being
	// replaced then still is: it starts, and the same is told of it.
	Terminating Happening = "terminating"
	// Sync is a sync of the pod while it is not ready: the kubelet runs its
	// readiness probe out of turn.
	Sync Happening = "sync"
	// Answer is what became of the exchange of try ID.
	Answer Happening = "answer"
	// ProberRestarted tells that the prober process was killed and started
	// anew: everything is forgotten. The containers that run follow as
	// containerStarted and terminating events in the same step, those whose
	// startup probe had passed with Passed (feature prober-restart). Behind the
	// sockets door the process is really killed, and another one is told.
	ProberRestarted Happening = "proberRestarted"
	// ClockStepped tells that the wall clock was moved by ByNs (feature
	// clock-step).
	ClockStepped Happening = "clockStepped"
	// Panic asks that the next try of the VM's probes be lost by a panic
	// inside the prober (feature panic).
	Panic Happening = "panic"
)

// Event is something that happened.
type Event struct {
	Event Happening `json:"event"`

	VM          string `json:"vm,omitempty"`
	Instance    int32  `json:"instance,omitempty"`
	Pod         int32  `json:"pod,omitempty"`
	Address     string `json:"address,omitempty"`
	AgentSocket string `json:"agentSocket,omitempty"`
	StartedNs   int64  `json:"startedNs,omitempty"`
	Target      bool   `json:"target,omitempty"`
	WillRestart bool   `json:"willRestart,omitempty"`
	Passed      bool   `json:"passed,omitempty"`
	ByNs        int64  `json:"byNs,omitempty"`

	// ID is that of the try (answer).
	ID int64 `json:"id,omitempty"`
	// Connect says how the connection went (answer to http and tcp).
	Connect Outcome `json:"connect,omitempty"`
	// HTTP is the response (answer to http, when connected).
	HTTP *HTTPAnswer `json:"http,omitempty"`
	// Agent is libvirt's answer (answer to agent).
	Agent *AgentAnswer `json:"agent,omitempty"`
	// Exec is what became of the command (answer to exec).
	Exec *ExecAnswer `json:"exec,omitempty"`
	// Domain is what libvirt knows of the VM now (answer to agent and domain).
	Domain *DomainAnswer `json:"domain,omitempty"`
}

// Outcome says how a piece of an exchange ended.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"
	Refused     Outcome = "refused"     // connect: RST to the SYN
	Unreachable Outcome = "unreachable" // connect: no such host, no route
	Reset       Outcome = "reset"       // RST on a connection
	Closed      Outcome = "closed"      // the peer closed before it was complete
	Timeout     Outcome = "timeout"     // the timeout of the request passed
	Malformed   Outcome = "malformed"   // no HTTP, or no TLS
	TooLarge    Outcome = "tooLarge"    // heads of more than 10 MiB
	Limit       Outcome = "limit"       // bodyLimitBytes were read, there was more
	Failed      Outcome = "failed"      // anything else, see the error
)

// HTTPAnswer is a response, as far as it came.
type HTTPAnswer struct {
	// TLS says how the handshake went; absent without TLS.
	TLS Outcome `json:"tls,omitempty"`
	// Head says how the status line and the headers came; absent when TLS
	// failed. Interim responses (1xx) are skipped, but 101 is final.
	Head Outcome `json:"head,omitempty"`
	// Status, Proto and Headers are those of the response, when the head is ok.
	Status  int         `json:"status,omitempty"`
	Proto   string      `json:"proto,omitempty"`
	Headers [][2]string `json:"headers,omitempty"`
	// Redirect is where a redirect leads to: one of status 301, 302, 303, 307
	// or 308 with a Location header, in answer to a request that gave its url.
	Redirect *Redirect `json:"redirect,omitempty"`
	// Body says how the body ended: ok, limit, closed (before its length),
	// reset, timeout or malformed (chunks).
	Body Outcome `json:"body,omitempty"`
	// Text is what was read of the body, without its transfer coding; Base64
	// stands in its place when it is no UTF-8.
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	// Error is what the suite's connection said, for messages.
	Error string `json:"error,omitempty"`
}

// Redirect is a Location header.
type Redirect struct {
	// URL is what it leads to, absolute. Relative: Location named no scheme.
	URL      string `json:"url,omitempty"`
	Relative bool   `json:"relative,omitempty"`
	// Error says why Location is no URL.
	Error string `json:"error,omitempty"`
}

// AgentAnswer is what libvirt answers to a command for the guest agent: the
// reply of the agent, or an error.
type AgentAnswer struct {
	// Text is the reply, one line of JSON; Base64 stands in its place when it
	// is no UTF-8.
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	// Code is the error number of libvirt; 0: there is a reply. Name is its
	// name without VIR_ERR_, Error its message.
	Code  int    `json:"code,omitempty"`
	Name  string `json:"name,omitempty"`
	Error string `json:"error,omitempty"`
}

// ExecAnswer is what became of a command in the container.
type ExecAnswer struct {
	// Outcome is ok when the command ended, timeout, or failed when it could
	// not be started.
	Outcome Outcome `json:"outcome"`
	Exit    int     `json:"exit,omitempty"`
	// Text is what it printed; Base64 stands in its place when it is no UTF-8.
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	Error  string `json:"error,omitempty"`
}

// DomainAnswer is what virt-launcher sees of its domain.
type DomainAnswer struct {
	// Exists: libvirt knows the domain. Active: it has a QEMU process.
	Exists bool `json:"exists"`
	Active bool `json:"active"`
	// State is running, paused, shutoff or pmsuspended; Reason is the number
	// of libvirt's virDomainPausedReason when it is paused.
	State  string `json:"state,omitempty"`
	Reason int    `json:"reason,omitempty"`
	// Migrating: a live migration has started and not ended.
	Migrating bool `json:"migrating,omitempty"`
	// ProbesPaused: the annotation kubevirt.io/pause-guest-agent-probes that
	// reached the launcher is true.
	ProbesPaused bool `json:"probesPaused,omitempty"`
}
