// Package scenarios is the language in which a health-probe story is told,
// and the embedded stories.
//
// # A file
//
// A file is a YAML stream: KubeVirt manifests verbatim (VirtualMachine,
// VirtualMachineInstance; v1 Pod for the kubernetes profile only; the guide's
// samples, which show only spec.readinessProbe or spec.livenessProbe, are read
// as a VirtualMachineInstance named "vmi"), then one Scenario. The name of the
// scenario equals the name of the file without ".yaml". Machines have
// different names, whatever their kind.
//
// The text is UTF-8, with or without byte order mark, with LF or CRLF. Anchors
// and aliases work, merge keys ("<<") are refused. A file has at most 1 MiB, a
// document 200,000 values after aliases are followed.
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
//	  features: [restart]                # what the prober must claim, beside what handlers and events imply:
//	                                     # guest-agent-ping, exec, startup, pause, migration
//	  kills: [mutant-name, ...]          # wrong probers that fail here; proved by CI; see below
//	  vary: {name: [values]}             # one run per combination; used as $name anywhere in spec; see below
//	  until: 300s                        # end of the run; everything until here is judged
//	  prober: {age: 1h}                  # default: old; a young prober (age < period) jitters its first check
//	                                     # proxy: "host:port": HTTP_PROXY of its environment, where nobody may connect
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
// Without "profiles" a scenario runs in every profile in which all handlers of
// its manifests exist; with it, in exactly those, also to show what a profile
// refuses.
//
// # Kills
//
// "kills" names mutants of the catalogue (vmprobe mutants). The claim holds
// when, at every seed, at least one case of the scenario, whatever its profile
// and its vary values, fails under the mutant for the requirement that the
// mutant breaks, while it passes without the mutant. It fails for that
// requirement when the oracle names it, or when the scenario is about it
// ("requirements") and a failure names any rule that the scenario is about.
// Being noticed under another rule is no kill.
//
// Every embedded scenario has a claim, and "vmprobe mutants" proves all of
// them at five seeds; "go run ./hack/kills NAME" computes them. In a file of
// your own a missing "kills" is a warning of lint (S048): the scenario may be
// about something that no mutant gets wrong.
//
// # Vary
//
// "vary" gives names to values. A list holds plain values, each the label of
// its run; a mapping gives labels to values of any shape:
//
//	vary:
//	  nc: [95s, 260s]
//	  row:
//	    teapot: {reply: 418, class: F}
//	    stall:  {reply: {stallAfter: 5}, class: E ...}
//
// A scalar that is nothing but $name or $name.key is replaced by that value,
// whatever its shape: "reply: $row.reply", "ready: $row.ready". Inside longer
// text ("$code x3") a known $name is replaced by its text, an unknown one
// stays. In a formula $name stands for a value or a formula in parentheses.
// The case is named after the labels: tcp-slow[nc=95s]@kubevirt. More than 64
// combinations are a warning, more than 1024 an error.
//
// # Guests
//
//	<vm>:
//	  watchdog: 5s                      # the guest feeds the device of its manifest with this timeout
//	  domainDelay: 40s                  # the domain starts so long after the container; default 0
//	  http/8080: [step]                 # also https/8443, tcp/22
//	  agent: [step]                     # qemu-guest-agent
//	  exec: [step]                      # what the exec probe's command does
//	  power: [{at: 100s, do: crash|hang|resume|reboot|poweroff|suspend|starve, for: 30s, as: name}]
//	  freezes: [{at: 100s, for: 60s}]
//	  acpi: ignore | {delay: 5s}        # default: honoured after 2 s
//	  everyBoot: {the same keys}        # times count from each boot of each instance
//
// A step is {at, as, reply} or {at, as, replies}; "at" is 0s unless given, and
// the steps of an endpoint ascend. An endpoint is scripted outside or inside
// everyBoot, not both. Without everyBoot the times
// count from the start of the run and the state in force carries over to
// later boots. "replies" is a list of "REPLY", "REPLY xN" and, last, "REPLY
// ..." (repeats for ever); running out of replies is an error of the scenario
// unless the last one repeats. In a mapping the number is "times: 3" or
// "times: ...".
//
// A reply is a scalar or a mapping. The fields of the mapping are those of
// fakevm.HTTPReply, TCPReply, AgentReply and ExecReply beside "connect"
// (a duration, or refused, blackhole, unaccepted). Scalars:
//
//	http, https   200 (100 to 999) | refused | blackhole | unaccepted | hang (silent)
//	              | close (FIN at once) | reset (RST at once)
//	              mapping also: redirect: TARGET (Location, default status 302);
//	              without status, raw and silent the status is 200, "status: 0"
//	              sends no byte; headers: [{name: N, value: V}]
//	tcp           ok (silent) | refused | blackhole | unaccepted | reset | close
//	              mapping: {connect: 300ms, then: silent|reset|close, banner: text,
//	              noData: true (a byte received is a violation),
//	              mustClose: true (an RST, and a connection open for a second)}
//	agent         ok | down | hang | error (GenericError) | garbage (no JSON)
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
//   - {at, for, closeFails: web}        # close fails at the prober's end; the peer does not notice
//   - {at, for, hideDomain: web}        # libvirt: NO_DOMAIN
//   - {at, for, agentLock: web}         # another caller holds the agent job lock
//   - {at, for, agentCode: web, code: AGENT_UNRESPONSIVE|NO_DOMAIN|OPERATION_INVALID|INTERNAL_ERROR}
//
// "for" may be omitted: until the end. Sides of a partition are "prober" and
// VM names; with "httpGet.host" naming a second VM a partition may name two.
// Every fault may have "profiles".
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
// Every event may have "as" and "profiles". "every" and "for" of a trigger go
// together.
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
// A class or a number of tries followed by "xN" stands N times, by "..." any
// number of times, also none. Without count, min and max an event or request
// must occur at least once.
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
// Operators + - * / ( ), integers, durations, max(a, b) and min(a, b) (in let:
// a comma splits a flow list). Names are camelCase, so "-" is always minus. A
// duration times or by a number is a duration, a duration by a duration is a
// number, everything else that mixes them is an error. A let is expanded where
// it is used: "period" in it means the probe of that place. Names given by
// "as" and let are shared by the whole scenario, unlike each other and unlike
// these names:
//
//	initialDelay period timeout failureThreshold successThreshold   of the probe meant: readiness in
//	     ready and endpoints, liveness in live, restarts, kills and phase; elsewhere of the only probe.
//	     readiness.period, liveness.timeout, startup.period ... name a probe explicitly.
//	     With several VMs in one formula: web.readiness.period; "vmi-fedora" is vmiFedora there.
//	terminationGracePeriod
//	hang hangMin     longest and shortest duration of an attempt that the guest never answers: the
//	     timeout for HTTP and TCP; what libvirt and the outer executor make of it for agent and exec
//	tries            tries of an errored attempt in the profile
//	delayExtra       the profile's addition to initialDelay (already in initialDelay)
//	NAME NAME.end    a step, fault, event or power step by its "as"; a step ends with the next one
//	NAME#n NAME#n.end    the same in the n-th boot (everyBoot)
//	readiness#n liveness#n startup#n    end of the n-th attempt (of the whole run)
//	boot#n container#n        start of the n-th boot, container
//	liveFailed#n ready#n notReady#n    the n-th such transition
//	$name $name.key  a vary value
//
// Every such moment may name its VM: web.readiness#3.
//
// Values are effective: after the defaults of the API and the profile's own
// additions.
//
// # Errors and lints
//
// Load tells every mistake at once, with its place and what was probably
// meant; first the shape of values, then, when all shapes are right, their
// meaning. Lint tells what makes a right file weak: names without use, windows
// that reject correct probers or that wrong ones pass, outages whose length
// leaves the verdict to chance. Each code has an explanation with examples:
// see package diag.
package scenarios
