package protocol

// Reply is the prober's answer to one message.
type Reply struct {
	// Seq is that of the message answered.
	Seq int64 `json:"seq"`

	// Protocol is the version that the prober speaks (hello).
	Protocol int `json:"protocol,omitempty"`
	// Implementation says who answers (hello).
	Implementation *Implementation `json:"implementation,omitempty"`
	// Features are those of the offered ones that the prober claims (hello).
	Features []string `json:"features,omitempty"`
	// Profiles are the dialects that the prober speaks (hello); empty: all.
	Profiles []string `json:"profiles,omitempty"`
	// Concurrent is how many cases the prober takes at a time (hello, sockets
	// door), from 1 to [MaxConcurrent]; absent: one. Of those that take fewer,
	// more processes are started.
	Concurrent int `json:"concurrent,omitempty"`

	// Do are the actions of the prober at this instant, in order (step).
	Do []Action `json:"do,omitempty"`
	// WakeAtNs is the next instant at which the prober wants to act by itself
	// (step); absent: it waits for events alone. Each reply replaces the last.
	WakeAtNs *int64 `json:"wakeAtNs,omitempty"`
}

// Implementation is a prober's name on its reports.
type Implementation struct {
	Name         string `json:"name"`
	Version      string `json:"version,omitempty"`
	Organization string `json:"organization,omitempty"`
	Language     string `json:"language,omitempty"`
	URL          string `json:"url,omitempty"`
}

// Verb names an action.
type Verb string

// The actions.
const (
	// Try begins try ID of a probe, with the exchange that it asks for: one of
	// http, tcp, agent, domain, exec, or none. Its attempt is a new one, unless
	// the last result of this probe asked to retry.
	Try Verb = "try"
	// Ask asks for another exchange of try ID: after a redirect, or the next
	// command for the agent. The one before must have been answered. Behind the
	// sockets door it asks for what has no socket: domain or exec.
	Ask Verb = "ask"
	// Result ends try ID with a Class. Retry: the attempt goes on with another
	// try. An exchange that is under way goes on, and is answered. Behind the
	// sockets door it tells what became of an attempt.
	Result Verb = "result"
	// Cancel gives up the exchange of try ID; it is not answered any more.
	Cancel Verb = "cancel"
	// Ready, Live and Started publish the state of the readiness, liveness and
	// startup probe of a container. Unknown marks a startup probe that has no
	// verdict yet.
	Ready   Verb = "ready"
	Live    Verb = "live"
	Started Verb = "started"
	// LiveFailed asks for the container to be killed, on the verdict of Probe:
	// liveness (the default) or startup.
	LiveFailed Verb = "liveFailed"
	// TellEvent writes an event with a Reason and a Message about a VM. Those
	// that tell of unhealthy probes are written by the suite, from results.
	TellEvent Verb = "report"
)

// Action is something that the prober does.
type Action struct {
	Do Verb `json:"do"`

	// ID names a try: positive, never the same twice in a case (try, ask,
	// result, cancel). Behind the sockets door it names a question (ask).
	ID int64 `json:"id,omitempty"`
	// VM and Instance name the container (try, ready, live, started,
	// liveFailed, report; behind the sockets door every action).
	VM       string `json:"vm,omitempty"`
	Instance int32  `json:"instance,omitempty"`
	// Probe is readiness, liveness or startup (try, liveFailed; result behind
	// the sockets door).
	Probe string `json:"probe,omitempty"`

	HTTP   *HTTPRequest   `json:"http,omitempty"`
	TCP    *TCPRequest    `json:"tcp,omitempty"`
	Agent  *AgentRequest  `json:"agent,omitempty"`
	Domain *DomainRequest `json:"domain,omitempty"`
	Exec   *ExecRequest   `json:"exec,omitempty"`

	// Class is success, warning, failure or error (result).
	Class string `json:"class,omitempty"`
	Retry bool   `json:"retry,omitempty"`
	// Panicked tells that the try was lost by a panic (result).
	Panicked bool `json:"panicked,omitempty"`

	// OK is the state (ready, live, started).
	OK      *bool `json:"ok,omitempty"`
	Unknown bool  `json:"unknown,omitempty"`

	// Reason is that of an event (report).
	Reason string `json:"reason,omitempty"`
	// Message is what an event would say (result, report).
	Message string `json:"message,omitempty"`
}

// HTTPRequest is one request on a connection of its own: by URL, as a client
// sends it, or in parts, as they stand.
type HTTPRequest struct {
	// URL is an absolute URL of http or https. It stands for host, port, tls,
	// serverName, target, method GET and, if no header is called so, the Host
	// header. What may not stand in a URL is percent-encoded.
	URL string `json:"url,omitempty"`
	// Host to connect to; empty: the address of the pod.
	Host string `json:"host,omitempty"`
	// Port to connect to, from 1 to 65535; needed without a URL.
	Port int `json:"port,omitempty"`
	// TLS makes a handshake first, without verification; ServerName is sent in
	// it, when it is no address.
	TLS        bool   `json:"tls,omitempty"`
	ServerName string `json:"serverName,omitempty"`
	// Method and Target, path and query, of the request line; both are needed
	// without a URL.
	Method string `json:"method,omitempty"`
	Target string `json:"target,omitempty"`
	// Headers are sent in this order, Host among them.
	Headers [][2]string `json:"headers,omitempty"`
	// TimeoutNs ends everything, from the connect to the body; 0: nothing does.
	TimeoutNs int64 `json:"timeoutNs,omitempty"`
	// BodyLimitBytes is how much of the body is read; 0: all of it, up to
	// [MaxBody].
	BodyLimitBytes int64 `json:"bodyLimitBytes,omitempty"`
	// RedirectLimitBytes is how much of the body of a redirect is read, whose
	// announced length is not larger; 0: as of any other response.
	RedirectLimitBytes int64 `json:"redirectLimitBytes,omitempty"`
}

// TCPRequest connects and closes.
type TCPRequest struct {
	Host      string `json:"host,omitempty"`
	Port      int    `json:"port"`
	TimeoutNs int64  `json:"timeoutNs,omitempty"`
}

// AgentRequest asks libvirt to send a command to the guest agent. libvirt
// looks up the domain, waits for the agent's job lock (up to 30 s), and
// synchronises the channel when it must.
type AgentRequest struct {
	// Command is one JSON object.
	Command string `json:"command"`
	// TimeoutNs is libvirt's wait for the sync and again for the reply; 0: 5 s.
	TimeoutNs int64 `json:"timeoutNs,omitempty"`
	// LimitNs ends the whole exchange, the wait for the lock included; 0:
	// nothing does.
	LimitNs int64 `json:"limitNs,omitempty"`
}

// DomainRequest asks what virt-launcher knows; it is answered at once.
type DomainRequest struct{}

// ExecRequest runs a command in the container (profile kubernetes).
type ExecRequest struct {
	Argv      []string `json:"argv"`
	TimeoutNs int64    `json:"timeoutNs,omitempty"`
}

// MaxConcurrent is how many cases a prober may take at a time.
const MaxConcurrent = 10_000

// MaxBody is how much of a body the suite reads at most, in bytes.
const MaxBody = 1 << 20
