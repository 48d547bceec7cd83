package fakevm

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Program is everything a guest does, self-contained and relative to the
// start of a boot, so that it can be handed to a real VM.
type Program struct {
	Endpoints []Endpoint  `json:"endpoints,omitempty"`
	Power     []PowerStep `json:"power,omitempty"`
	Freezes   []Freeze    `json:"freezes,omitempty"`
	ACPI      ACPI        `json:"acpi,omitzero"`
	// Watchdog is fed by the guest from each boot on; not in an everyBoot part.
	Watchdog *Watchdog `json:"watchdog,omitempty"`
}

// EndpointKind says what listens.
type EndpointKind string

// The kinds of endpoints.
const (
	HTTP  EndpointKind = "http"
	HTTPS EndpointKind = "https" // TLS with a self-signed certificate
	TCP   EndpointKind = "tcp"
	Agent EndpointKind = "agent" // the guest agent: guest-ping, guest-sync, guest-info
	Exec  EndpointKind = "exec"  // what guest-exec (or a command in the container) does
)

// Endpoint is one thing a probe can ask, with its behaviour over time.
// An HTTP, HTTPS or TCP port that no endpoint names is refused.
type Endpoint struct {
	Kind  EndpointKind `json:"kind"`
	Port  uint16       `json:"port,omitempty"`
	Steps []Step       `json:"steps"` // ascending At; before the first step: refused / down
}

// Step is the behaviour from an instant on. A request is answered by the
// step in force when it arrives (for TCP: when its SYN arrives).
type Step struct {
	At time.Duration `json:"at"`
	As string        `json:"as,omitempty"`
	// Replies are consumed one by one, a connection (or agent command, or
	// exec) each, counted from the start of the step. A single reply with
	// Times 0 is the plain case.
	Replies []Counted `json:"replies"`
}

// Counted is a reply with a number of uses.
type Counted struct {
	Reply Reply `json:"reply"`
	Times int   `json:"times,omitempty"` // 0: for ever
}

// Connect says what happens to a SYN.
type Connect string

// What a port does with a connection attempt.
const (
	Accept     Connect = ""           // SYN-ACK after Reply.ConnectDelay
	Refuse     Connect = "refused"    // RST to the SYN
	Blackhole  Connect = "blackhole"  // the SYN is dropped
	Unaccepted Connect = "unaccepted" // the kernel completes the handshake, the application never reads
)

// Reply is one answer. Connect and ConnectDelay matter for network
// endpoints, the pointer that fits the endpoint's kind holds the rest.
type Reply struct {
	Connect      Connect       `json:"connect,omitempty"`
	ConnectDelay time.Duration `json:"connectDelay,omitempty"`
	HTTP         *HTTPReply    `json:"http,omitempty"`
	TCP          *TCPReply     `json:"tcp,omitempty"`
	Agent        *AgentReply   `json:"agent,omitempty"`
	Exec         *ExecReply    `json:"exec,omitempty"`
}

// End says how a peer ends a connection.
type End string

// Ends of a connection.
const (
	EndFIN   End = "fin"   // orderly close (default for HTTP)
	EndReset End = "reset" // RST; unread data is lost
	EndOpen  End = "open"  // never closes: the reader stalls
)

// HTTPReply is one HTTP response and how its bytes travel.
type HTTPReply struct {
	Status  int             `json:"status,omitempty"`  // 0 with Raw, Silent or an End before any byte
	Reason  string          `json:"reason,omitempty"`  // default: the standard text
	Proto   string          `json:"proto,omitempty"`   // default "HTTP/1.1"
	Interim []int           `json:"interim,omitempty"` // 1xx responses sent before
	Headers []probes.Header `json:"headers,omitempty"` // sent in this order
	// Body is sent as it is; BodyBytes generates that many bytes instead.
	Body      string `json:"body,omitempty"`
	BodyBytes int64  `json:"bodyBytes,omitempty"` // length of a generated body
	// Framing is "length" (default), "chunked", "none" (ends with the
	// connection), "badchunk" or "nolastchunk".
	Framing string `json:"framing,omitempty"`
	// DeclaredLength lies in Content-Length when not nil.
	DeclaredLength *int64 `json:"declaredLength,omitempty"`
	// LFOnly ends header lines with a bare LF.
	LFOnly bool `json:"lfOnly,omitempty"`
	// Raw replaces status line, headers and body by these bytes.
	Raw string `json:"raw,omitempty"`
	// Silent accepts, reads and never answers ("hang").
	Silent bool `json:"silent,omitempty"`
	// Delay is the time from the end of the request to the first byte.
	Delay time.Duration `json:"delay,omitempty"`
	// StallAfter sends only so many bytes of the body (StallInHeaders: of the
	// head), then nothing more; End decides what follows, default open.
	StallAfter     *int64 `json:"stallAfter,omitempty"`
	StallInHeaders bool   `json:"stallInHeaders,omitempty"` // StallAfter counts bytes of the head
	// DripBytes are sent every DripEvery, from the first byte of the response.
	DripBytes int           `json:"dripBytes,omitempty"`
	DripEvery time.Duration `json:"dripEvery,omitempty"` // distance of the pieces of DripBytes
	// Endless never ends "headers", "body" or "interim" responses; bytes come
	// as fast as the reader takes them.
	Endless string `json:"endless,omitempty"`
	// End is what happens after the last byte; default fin.
	End End `json:"end,omitempty"`
	// NoDrain answers without reading the request, as the guide's nc with a
	// child that never reads; with ResetOnClose unread data turns the FIN
	// into an RST, as the kernel does.
	NoDrain      bool `json:"noDrain,omitempty"`
	ResetOnClose bool `json:"resetOnClose,omitempty"` // unread data makes the end an RST
	// Require checks the request; a request that does not match is answered
	// with Else (default 404) instead.
	Require *HTTPRequire `json:"require,omitempty"`
	// Certificate of an HTTPS endpoint: "" self-signed for the name vmprobe,
	// "expired" since 2021, or "wrongname" (HTTP-TLS-NOVERIFY).
	Certificate string `json:"certificate,omitempty"`
}

// HTTPRequire is what a server insists on. Empty fields are not checked.
type HTTPRequire struct {
	Method      string          `json:"method,omitempty"`      // as GET
	Target      string          `json:"target,omitempty"`      // request target as on the wire, with query
	Host        string          `json:"host,omitempty"`        // value of the Host header
	Headers     []probes.Header `json:"headers,omitempty"`     // value "*": any; otherwise equal
	Prefixes    []probes.Header `json:"prefixes,omitempty"`    // value: how it begins, as "kube-probe/"
	Absent      []string        `json:"absent,omitempty"`      // headers that must not be there
	HeaderOrder []string        `json:"headerOrder,omitempty"` // repeats kept, in this order
	NoBody      bool            `json:"noBody,omitempty"`      // nothing may follow the head
	Else        int             `json:"else,omitempty"`        // status for a request that does not match; default 404
}

// TCPReply is what a TCP service does after the handshake.
type TCPReply struct {
	Banner string        `json:"banner,omitempty"` // sent by the service first
	After  time.Duration `json:"after,omitempty"`  // before Banner or End
	End    End           `json:"end,omitempty"`    // default open: silent
	// Backlog makes the service never accept: so many handshakes complete,
	// further SYNs are dropped. 0: unlimited.
	Backlog int `json:"backlog,omitempty"`
	// NoData makes any byte received a violation, logged in the trace.
	NoData bool `json:"noData,omitempty"`
	// MustClose makes it a violation that the prober resets the connection, or
	// leaves it open for a second.
	MustClose bool `json:"mustClose,omitempty"`
}

// AgentReply is what the guest agent does with one command.
type AgentReply struct {
	// Down: the agent is not running, the channel is disconnected.
	Down bool `json:"down,omitempty"`
	// Silent: the command is not answered (hung, channel open). Where the agent
	// is a real one, see PlainAgent, it is stopped, and answers when a later step
	// lets it go on; any other never does.
	Silent bool          `json:"silent,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"` // before the reply; a reply after its asker gave up is stale
	// ErrorClass and ErrorDesc answer {"error":{"class":..,"desc":..}}.
	ErrorClass string `json:"errorClass,omitempty"`
	ErrorDesc  string `json:"errorDesc,omitempty"` // text beside ErrorClass
	// SyncDelay delays guest-sync only.
	SyncDelay   time.Duration `json:"syncDelay,omitempty"`
	WrongSyncID bool          `json:"wrongSyncID,omitempty"` // guest-sync gives another id back
	SyncSilent  bool          `json:"syncSilent,omitempty"`  // guest-sync is never answered
	// Before is sent raw ahead of the reply (garbage lines, event objects),
	// Repeat times (default once).
	Before string `json:"before,omitempty"`
	Repeat int    `json:"repeat,omitempty"` // how often Before is sent; default 1
	// Raw replaces the reply, newline included or not.
	Raw string `json:"raw,omitempty"`
	// RawBytes sends so many bytes without a newline.
	RawBytes int64 `json:"rawBytes,omitempty"`
	// ChunkBytes splits what is sent; ChunkEvery spaces the pieces.
	ChunkBytes int           `json:"chunkBytes,omitempty"`
	ChunkEvery time.Duration `json:"chunkEvery,omitempty"` // distance of the pieces of ChunkBytes
	// Disconnect closes the channel after what was sent (a crash of the
	// agent); Reconnect opens it again after that time, 0: with the next step.
	Disconnect bool          `json:"disconnect,omitempty"`
	Reconnect  time.Duration `json:"reconnect,omitempty"` // time from Disconnect until the channel is open again
	// Value is the "return" member; default {}.
	Value string `json:"value,omitempty"`
}

// ExecReply is what a command does in the guest (guest-exec) or container.
type ExecReply struct {
	Exit    int64         `json:"exit,omitempty"`    // exit status; default 0
	Signal  int           `json:"signal,omitempty"`  // ended by this signal instead
	After   time.Duration `json:"after,omitempty"`   // run time of the command
	Hang    bool          `json:"hang,omitempty"`    // never exits
	Missing bool          `json:"missing,omitempty"` // there is no such program
	Output  string        `json:"output,omitempty"`  // what the command prints
	// OutputBytes generates output; OutputRaw replaces the base64 out-data.
	OutputBytes int64  `json:"outputBytes,omitempty"`
	OutputRaw   string `json:"outputRaw,omitempty"` // out-data as it is, also no base64
	// Require is the argv that must arrive, else exit 1 (EX-JSON-INJECT).
	Require []string `json:"require,omitempty"`
}

// PowerAction is something a guest does to itself.
type PowerAction string

// What a guest can do on its own.
const (
	Crash    PowerAction = "crash"    // the domain dies: VMI Failed
	Hang     PowerAction = "hang"     // vCPUs spin: nothing answers, established connections stall
	Resume   PowerAction = "resume"   // ends a hang
	Reboot   PowerAction = "reboot"   // connections reset, the program starts again from 0
	PowerOff PowerAction = "poweroff" // clean shutdown from inside: VMI Succeeded
	Suspend  PowerAction = "suspend"  // guest-suspend-ram: PMSUSPENDED
	Starve   PowerAction = "starve"   // no longer feeds its watchdog, and goes on
)

// PowerStep is a power action at an instant of a boot.
type PowerStep struct {
	At  time.Duration `json:"at"`
	As  string        `json:"as,omitempty"`
	Do  PowerAction   `json:"do"`
	For time.Duration `json:"for,omitempty"` // hang: resume after; reboot: time until the next boot, default 0
}

// Freeze is a window in which the filesystems are frozen (GA-FREEZE).
type Freeze struct {
	At  time.Duration `json:"at"`
	For time.Duration `json:"for"`
}

// ACPI says how the guest takes a power button press.
type ACPI struct {
	Ignore bool          `json:"ignore,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"` // from the press to power off; default 2 s
}
