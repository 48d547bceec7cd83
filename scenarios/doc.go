// Package scenarios is the language in which a health-probe story is told,
// and the embedded stories.
//
// # A file
//
// A file is a YAML stream: KubeVirt manifests verbatim (VirtualMachine,
// VirtualMachineInstance; v1 Pod for the kubernetes profile only), then one
// Scenario. The name of the scenario equals the name of the file without
// ".yaml".
//
//	# yaml-language-server: $schema=scenario.schema.json
//	apiVersion: kubevirt.io/v1
//	kind: VirtualMachineInstance
//	...
//	---
//	apiVersion: vmprobe.dev/v1alpha1
//	kind: Scenario
//	metadata: {name: kebab-case-id}
//	spec:
//	  title: one sentence, states the rule
//	  requirements: [THR-FAILURE, ...]   # what a failure here means
//	  profiles: [kubevirt, ...]          # default: every profile in which the manifests' handlers exist
//	  features: [guest-agent-ping, restart, exec]   # what the prober must claim
//	  kills: [mutant-name, ...]          # optional until mutants exist; proved by CI
//	  vary: {name: [values]}             # one run per combination; used as $name anywhere in spec
//	  until: 300s                        # end of the run; everything until here is judged
//	  prober: {age: 1h}                  # default: old; a young prober (age < period) jitters its first check
//	  guests: {<vm>: guest}
//	  faults: [fault]
//	  events: [event]
//	  let: {name: formula}
//	  expect: {<vm>: expectation}
//	  expectIn: {<profile>: {<vm>: expectation}}   # fields given here replace those of expect
//	  rejected: [{message: text, profiles: [..]}]  # the manifest must be rejected, in these words; nothing runs
//	  findings: [{requirement: ID, contains: text, profiles: [..]}]  # must be reported, the run goes on
//
// Instant 0 is the start of the first container of each VM. Durations are Go
// durations with a unit ("1m30s"). The guest boots at 0 unless "domainDelay"
// says otherwise.
//
// # Guests
//
//	<vm>:
//	  domainDelay: 40s                  # the domain starts so long after the container; default 0
//	  http/8080: [step]                 # also https/8443, tcp/22
//	  agent: [step]                     # qemu-guest-agent
//	  exec: [step]                      # what the exec probe's command does
//	  power: [{at: 100s, do: crash|hang|resume|reboot|poweroff|suspend, for: 30s, as: name}]
//	  freezes: [{at: 100s, for: 60s}]
//	  acpi: ignore | {delay: 5s}        # default: honoured after 2 s
//	  everyBoot: {the same keys}        # times count from each boot of each instance
//
// A step is {at, as, reply} or {at, as, replies}. Without everyBoot the times
// count from the start of the run and the state in force carries over to
// later boots. "replies" is a list of "REPLY", "REPLY xN" and, last, "REPLY
// ..." (repeats for ever); running out of replies is an error of the scenario
// unless the last one repeats.
//
// A reply is a scalar or a mapping. The fields of the mapping are those of
// fakevm.HTTPReply, TCPReply, AgentReply and ExecReply beside "connect"
// (a duration, or refused, blackhole, unaccepted). Scalars:
//
//	http, https   200 (any status) | refused | blackhole | unaccepted | hang (silent)
//	              | close (FIN at once) | reset (RST at once)
//	              mapping also: redirect: TARGET (Location, default status 302)
//	tcp           ok | refused | blackhole | unaccepted | reset | close
//	              mapping: {connect: 300ms, then: silent|reset|close, banner: text}
//	agent         ok | down | hang | error (GenericError) | garbage
//	exec          0 (any exit status) | hang | missing | killed (signal 9)
//
// # Faults
//
//   - {at: 100s, for: 18s, partition: [prober, web], as: short}  # SYNs and data vanish both ways
//   - {at, for, refuse: web}            # every SYN of the VM is answered by RST
//   - {at, for, reset: web}             # established connections are reset, at the start of the window
//   - {at, for, delay: web, by: 1s}     # adds to each one-way delivery
//   - {at, for, loss: web, percent: 20} # seeded per packet; a lost SYN is retried after 1 s, 3 s, ...
//   - {at, for, halfOpen: web}          # data towards the prober vanishes, SYN-ACK still works
//   - {at, for, bandwidth: web, bytesPerSecond: 1000}
//   - {at, for, hideDomain: web}        # libvirt: NO_DOMAIN
//   - {at, for, agentLock: web}         # another caller holds the agent job lock
//   - {at, for, agentCode: web, code: AGENT_UNRESPONSIVE|NO_DOMAIN|OPERATION_INVALID|INTERNAL_ERROR}
//
// "for" may be omitted: until the end. Sides of a partition are "prober" and
// VM names; with "httpGet.host" naming a second VM a partition may name two.
//
// # Events
//
//   - {at: 100s, pause: web}            # through the API; may be refused (PAUSE-API)
//   - {at, unpause: web}
//   - {at, suspendIO: web, for: 20s}    # the domain pauses by itself: IOError
//   - {at, snapshot: web, for: 20s}     # paused with reason Snapshot
//   - {at, migrate: web, for: 60s, result: succeeded|failed}  # needs two pods
//   - {at, delete: web}                 # graceful deletion of the VMI
//   - {at, annotate: web, value: "true"}  # kubevirt.io/pause-guest-agent-probes; value "" removes it
//   - {at, trigger: web, every: 500ms, for: 20s}  # pod syncs: readiness runs while not Ready
//   - {at, restartProber: true}
//   - {at, stepClock: 1h}               # wall clock only, may be negative
//   - {at, stopContainer: web}          # the compute container dies
//   - {at, panic: web}                  # the next attempt panics inside (PANIC-CONTINUE)
//
// Every event may have "as" and "profiles".
//
// # Expectations
//
//	<vm>:
//	  ready: [false, {to: true, in: [lo, hi]}, {to: false, after: readiness#10}]
//	  endpoints: [...]        # the EndpointSlice entry; same grammar; default: not asserted
//	  live: [{failed: 1, in: [lo, hi]}]     # verdicts by instance; [] = never fails
//	  restarts: none | [{in: [lo, hi]}, ..., more]
//	  phase: [Running, {to: Succeeded, in: [lo, hi]}]
//	  attempts: {readiness: [S x3, F, W, E ...], liveness: [...]}   # classes of all attempts, in order
//	  tries: {readiness: [1, 3 ...]}        # tries per attempt
//	  events: [{reason: ProbeWarning, count: 1}, {reason: Unhealthy, min: 1, contains: text}]
//	  requests: {http/8080: {count: 12}, agent: {max: 0}}   # connections or commands the guest saw; also min
//	  kills: [{with: acpi|destroy|sigterm|sigkill, in: [lo, hi]}]
//	  violations: none        # default: a violation logged by the guest fails the case
//
// "ready" is the complete history of the VM's Ready condition (the Pod's in
// the kubernetes profile): exactly these transitions, each in its window,
// nothing else until "until". The same holds for "live" and "phase". Absent
// keys are not asserted, but the oracle always judges the trace.
// "in: [lo, hi]" is a window of formulas; "after: readiness#10" is the end of
// the tenth attempt, exactly. An item may have "profiles: [...]"; it is
// skipped in others. The author writes no tolerance: the testbed's slack
// widens upper edges.
//
// # Formulas
//
// Operators + - * / ( ), integers, durations, max(a, b) and min(a, b) (in let
// only: a comma splits a flow list). Names are camelCase, so "-" is always
// minus. Names:
//
//	initialDelay period timeout failureThreshold successThreshold   of the probe meant: readiness in
//	     ready and endpoints, liveness in live, restarts, kills and phase; elsewhere of the only probe.
//	     readiness.period, liveness.timeout, startup.period ... name a probe explicitly.
//	     With several VMs in one formula: web.readiness.period.
//	terminationGracePeriod
//	hang hangMin     longest and shortest duration of an attempt that the guest never answers
//	tries            tries of an errored attempt in the profile
//	delayExtra       the profile's addition to initialDelay (already in initialDelay)
//	NAME NAME.end    a step, fault, event or power step by its "as"
//	NAME#n           the same in the n-th boot (everyBoot)
//	readiness#n liveness#n    end of the n-th attempt (of the whole run)
//	boot#n container#n        start of the n-th boot, container
//	liveFailed#n ready#n notReady#n    the n-th such transition
//	$name            a vary value
//
// Values are effective: after the defaults of the API and the profile's own
// additions.
package scenarios
