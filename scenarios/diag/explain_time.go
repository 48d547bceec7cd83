package diag

var aboutTime = []Explanation{
	{
		Code: TooShort, Title: "a run that ends before the first attempt",
		Text:    "The first attempt comes between the initial delay and one period after it; a run must last longer. KubeVirt adds 10 s to every initial delay.",
		Failing: "until: 20s\nguests: {web: {http/8080: [{reply: 200}]}}\nexpect: {web: {ready: [false]}}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: AfterUntil, Title: "something after the end of the run",
		Text:    "It never happens, or is never seen: the run ends at \"until\".",
		Failing: "faults:\n  - {at: 400s, for: 5s, refuse: web}\n", Fixed: "faults:\n  - {at: 40s, for: 5s, refuse: web}\n",
	},
	{
		Code: Narrow, Title: "a window that rejects correct probers",
		Text:    "The phase of a prober is free: its first attempt comes anywhere in one period after the initial delay. So a failure at e is known between e + (failureThreshold-1)*period and e + failureThreshold*period, plus the time of an attempt that hangs; and a recovery between e and e + successThreshold*period, because readiness may run off its schedule while the VM is not Ready. Beside this arithmetic, lint runs legal probers against the cases of a file, and names the first one that is rejected; the command in the notes draws its run.",
		Failing: "expect:\n  web:\n    ready:\n      - false\n      - {to: true, in: [initialDelay, initialDelay + period]}\n      - {to: false, in: [broken + 2*period + timeout, broken + 3*period]}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: Weak, Title: "a window more than twice as wide as necessary",
		Text:    "Wrong probers live in wide windows. The message names the legal envelope, or what the legal probers that lint runs use of the window.",
		Failing: "expect:\n  web:\n    ready:\n      - false\n      - {to: true, in: [initialDelay, initialDelay + period]}\n      - {to: false, in: [broken, broken + 10*period]}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: Ambiguous, Title: "an outage of ambiguous length",
		Text:    "An outage between (failureThreshold-1)*period and failureThreshold*period meets the threshold or not, depending on the phase of the prober: an expectation about it would reject correct probers by chance.",
		Failing: "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: 200}\n      - {at: 100s, reply: 503, as: broken}\n      - {at: 125s, reply: 200}\n",
		Fixed:   "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: 200}\n      - {at: 50s, reply: 503}\n      - {at: 65s, reply: 200}\n      - {at: 150s, reply: 503, as: broken}\n",
	},
	{
		Code: NearTimeout, Title: "a delay too near to the timeout",
		Text:    "Whether an answer comes 10 % before or after the timeout cannot be told on a real machine. Keep 20 % away.",
		Failing: "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: {delay: 1900ms}}\n      - {at: 100s, reply: 503, as: broken}\n",
		Fixed:   "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: 200}\n      - {at: 100s, reply: 503, as: broken}\n",
	},
	{
		Code: LateEvent, Title: "a change too near to the end",
		Text:    "The verdict about it may fall after the end of the run, where nobody looks. Leave failureThreshold*period + timeout.",
		Failing: "until: 120s\n", Fixed: "until: 300s\n",
	},
	{
		Code: TwoTimeBases, Title: "two time bases in one expectation",
		Text:    "Replies that are counted by attempt go with \"after: readiness#N\", steps that happen by time with windows in seconds. Mixed, one of them depends on the phase of the prober.",
		Failing: "expect: {web: {ready: [false, {to: true, after: readiness#1}, {to: false, in: [broken + 2*period, broken + 3*period]}]}}\n",
		Fixed:   "until: 300s\n",
	},
	{
		Code: TooLong, Title: "a very long run",
		Text:    "Beyond 10,000 s of virtual time a scenario costs more than it tells.",
		Failing: "until: 5h\n", Fixed: "until: 300s\n",
	},
	{
		Code: TooMany, Title: "very many combinations",
		Text:    "vary multiplies: more than 64 runs per profile cost more than they tell.",
		Failing: "vary: {a: [1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s, 9s], b: [1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s]}\nfaults: [{at: $a, for: $b, partition: [prober, web]}]\n",
		Fixed:   "vary: {a: [1s, 2s], b: [1s, 2s]}\nfaults: [{at: $a, for: $b, partition: [prober, web]}]\n",
	},
}
