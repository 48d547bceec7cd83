package diag

var aboutNames = []Explanation{
	{
		Code: UnknownName, Title: "a name that a formula does not know",
		Text:    "Formulas know the fields of the probe (initialDelay, period, timeout, failureThreshold, successThreshold, hang, hangMin), readiness.period and the like, the names given by \"as\", their .end, lets, and moments such as readiness#3. A step of everyBoot is named with the number of the boot: appHung#1.",
		Failing: "expect:\n  web:\n    ready: [false, {to: true, in: [initialDelay, initialDelay + periods]}, {to: false, in: [broken + 2*period, broken + 3*period]}]\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: UnknownVM, Title: "a machine or endpoint that the file does not have",
		Text:    "Guests, faults, events and expectations name machines as their manifests do; \"requests\" names endpoints as the guest does.",
		Failing: "faults:\n  - {at: 40s, for: 5s, refuse: wep}\n", Fixed: "faults:\n  - {at: 40s, for: 5s, refuse: web}\n",
	},
	{
		Code: UnknownReq, Title: "a requirement that does not exist",
		Text:    "The ids are those of the catalogue: vmprobe requirements.",
		Failing: "requirements: [THR-FALURE]\n", Fixed: "requirements: [THR-FAILURE]\n",
	},
	{
		Code: UnknownMutant, Title: "a mutant that does not exist",
		Text:    "\"kills\" names wrong probers of the catalogue, each of which must fail in this scenario.",
		Failing: "kills: [needs-one-more-failur]\n", Fixed: "kills: [needs-one-more-failure]\n",
	},
	{
		Code: UnknownVary, Title: "a $name that vary does not define",
		Text:    "$name stands for the value of a vary name, $name.key for a part of it when the value is a mapping.",
		Failing: "vary: {gap: [1s, 2s]}\nfaults: [{at: 50s, for: $gab, partition: [prober, web]}]\n",
		Fixed:   "vary: {gap: [1s, 2s]}\nfaults: [{at: 50s, for: $gap, partition: [prober, web]}]\n",
	},
	{
		Code: NameClash, Title: "a name with two meanings",
		Text:    "Names given by \"as\" and let are shared by the whole scenario, and differ from the words of the language.",
		Failing: "faults:\n  - {at: 50s, for: 5s, partition: [prober, web], as: period}\n",
		Fixed:   "faults:\n  - {at: 50s, for: 5s, partition: [prober, web]}\n",
	},
	{
		Code: LetCycle, Title: "a let that depends on itself",
		Text:    "Lets may use each other, in any order, but not in a circle.",
		Failing: "let:\n  a: b + 1s\n  b: a + 1s\n", Fixed: "until: 300s\n",
	},
	{
		Code: BadFormula, Title: "a formula that cannot be read or computed",
		Text:    "Formulas have + - * / ( ), whole numbers, durations, names, max(a, b) and min(a, b). In a list [a, b] a comma splits the list, so functions belong into let.",
		Failing: "expect:\n  web:\n    ready: [false, {to: true, in: [initialDelay, initialDelay + ]}]\n", Fixed: "until: 300s\n",
	},
	{
		Code: Dimension, Title: "durations and numbers that do not mix",
		Text:    "A duration plus a number is meaningless: a thresholds is multiplied by a period first. An instant is a duration, so 0 is written 0s.",
		Failing: "expect:\n  web:\n    ready: [false, {to: true, in: [initialDelay, initialDelay + successThreshold]}]\n",
		Fixed:   "until: 300s\n",
	},
}

var aboutMeaning = []Explanation{
	{
		Code: NotProbed, Title: "an endpoint that no probe asks",
		Text:    "A guest scripts a port that no probe of the manifests asks: a mistyped port makes a story that nobody listens to. An endpoint that \"requests\" bounds, or that a redirect may lead to, is fine.",
		Failing: "guests:\n  web:\n    http/8080: [{reply: 200}, {at: 100s, reply: 503, as: broken}]\n    http/8081: [{reply: 200}]\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: NotScripted, Title: "a probe that meets no script",
		Text:    "A probe of the manifests asks a guest that nobody scripted. If the port shall be closed, say so: {at: 0s, reply: refused}.",
		Failing: "guests: {}\nexpect: {web: {ready: [false]}}\n",
		Fixed:   "guests: {web: {http/8080: [{reply: refused}]}}\nexpect: {web: {ready: [false]}}\n",
	},
	{
		Code: NoAssertion, Title: "a scenario that asserts nothing",
		Text:    "Without an expectation only the general checks are made; a scenario has a rule of its own to state.",
		Failing: "guests: {web: {http/8080: [{reply: 200}]}}\nexpect: {}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: UnusedName, Title: "a name that no formula uses",
		Text:    "A name given by \"as\" or let is there to be used; if it is not, the expectation that should speak of it is missing.",
		Failing: "faults:\n  - {at: 50s, for: 5s, partition: [prober, web], as: cut}\n",
		Fixed:   "faults:\n  - {at: 50s, for: 5s, partition: [prober, web]}\n",
	},
	{
		Code: UnusedVary, Title: "a vary name that nothing uses",
		Text:    "Each value makes a run; runs that do not differ waste time and prove nothing.",
		Failing: "vary: {gap: [1s, 2s]}\n",
		Fixed:   "vary: {gap: [1s, 2s]}\nfaults: [{at: 50s, for: $gap, partition: [prober, web]}]\n",
	},
	{
		Code: StepOrder, Title: "steps that do not ascend",
		Text:    "The steps of an endpoint are written in the order in which they happen, each later than the one before.",
		Failing: "guests:\n  web:\n    http/8080:\n      - {at: 100s, reply: 503, as: broken}\n      - {at: 0s, reply: 200}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: RunOut, Title: "replies that may run out",
		Text:    "When the last reply is used up the run fails, for nobody said what follows. A prober may make more attempts than there are replies here.",
		Failing: "guests: {web: {http/8080: [{replies: [200 x3, 503 x3]}]}}\nexpect: {web: {ready: [false, {to: true, after: readiness#1}, {to: false, after: readiness#6}]}}\n",
		Fixed:   "guests: {web: {http/8080: [{replies: [200 x3, 503 ...]}]}}\nexpect: {web: {ready: [false, {to: true, after: readiness#1}, {to: false, after: readiness#6}]}}\n",
	},
	{
		Code: NoSuchProbe, Title: "an expectation about a probe that does not exist",
		Text:    "The machine has no probe of this kind in this profile.",
		Failing: "expect: {web: {live: [{failed: 1, in: [broken, broken + 60s]}]}}\n", Fixed: "until: 300s\n",
	},
	{
		Code: NoKills, Title: "a scenario that kills no mutant",
		Text:    "\"kills\" names wrong probers that must fail here. Without it nobody knows whether the scenario can fail at all. An error in an embedded scenario.",
		Failing: "until: 300s\n", Fixed: "kills: [needs-one-more-failure]\n",
	},
	{
		Code: NotRejected, Title: "a refusal that is not expected, or does not come",
		Text:    "Either the API refuses the manifest and the scenario does not say so, or the scenario expects a refusal in words that nobody says.",
		Failing: "rejected: [{message: must be greater than 0}]\nguests: {}\nexpect: {}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: EmptyWindow, Title: "a window that is empty",
		Text:    "The first edge of a window, or the least count, is greater than the second.",
		Failing: "expect: {web: {ready: [false, {to: true, in: [initialDelay + period, initialDelay]}, {to: false, in: [broken + 2*period, broken + 3*period]}]}}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: NoProfile, Title: "handlers that exist together in no profile",
		Text: "Without \"profiles\" a scenario runs wherever all handlers of its manifests exist. There is no such profile.",
		Failing: `# the whole file
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: i, readinessProbe: {httpGet: {port: 8080}}}]}
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec: {domain: {devices: {}}, readinessProbe: {guestAgentPing: {}}}
` + goodDocument,
		Fixed: goodFile,
	},
}
