package diag

const (
	goodDocument = "---\n" + exampleHeader + `spec:
  title: a server that breaks is taken out of service
  requirements: [THR-FAILURE]
  until: 60s
  guests: {web: {http/8080: [{at: 0s, reply: 200}]}}
  expect: {web: {ready: [false, {to: true, in: [initialDelay, initialDelay + period]}]}}
`
	goodFile = "# the whole file\n" + exampleManifest + goodDocument
)

var aboutFiles = []Explanation{
	{
		Code: Encoding, Title: "text that is not UTF-8",
		Text:    "Scenario files are UTF-8. A byte order mark and CRLF line ends are accepted; UTF-16, other code pages and control characters are not.",
		Failing: "title: caf\xe9\n", Fixed: "title: café\n",
	},
	{
		Code: YAML, Title: "text that is not YAML",
		Text:    "The YAML parser stopped at this place. Frequent causes: a tab where blanks must indent, a bracket or quote that is not closed.",
		Failing: "requirements: [THR-FAILURE\n", Fixed: "requirements: [THR-FAILURE]\n",
	},
	{
		Code: TooBig, Title: "a file beyond the limits",
		Text:    "A file has at most 1 MiB, and at most 200,000 values in 40 levels after aliases are followed; vary has at most 1024 combinations. More is an accident or an attack.",
		Failing: "vary: {a: [1, 2, 3, 4, 5, 6, 7, 8], b: [1, 2, 3, 4, 5, 6, 7, 8], c: [1, 2, 3, 4, 5, 6, 7, 8], d: [1, 2, 3, 4, 5, 6, 7, 8], e: [1, 2]}\n",
		Fixed:   "vary: {gap: [1s, 2s]}\nuntil: 300s\nfaults: [{at: 50s, for: $gap, partition: [prober, web]}]\n",
	},
	{
		Code: NoMergeKeys, Title: "a merge key, or a key that is not plain text",
		Text:    `Aliases are followed, but "<<" is not: what a mapping holds must be readable in its place.`,
		Failing: "guests:\n  web: {<<: {http/8080: [{reply: 200}]}}\n",
		Fixed:   "guests:\n  web: {http/8080: [{reply: 200}, {at: 100s, reply: 503, as: broken}]}\n",
	},
	{
		Code: Stream, Title: "a file that is not manifests followed by one Scenario",
		Text:    "A file is a YAML stream: KubeVirt manifests as they are, then exactly one Scenario document.",
		Failing: "---\n" + exampleHeader + "spec: {title: first, requirements: []}\n---\n" + exampleHeader + "spec: {title: second, requirements: []}\n",
		Fixed:   goodDocument,
	},
	{
		Code: ScenarioName, Title: "a scenario that is not named as its file",
		Text:    "Reports name scenarios, people open files: metadata.name and the name of the file without .yaml are the same.",
		Failing: "---\napiVersion: vmprobe.dev/v1alpha1\nkind: Scenario\nmetadata: {name: other}\nspec: {title: t, requirements: []}\n",
		Fixed:   goodDocument,
	},
	{
		Code: Kind, Title: "an unknown apiVersion or kind",
		Text:    "The last document has apiVersion vmprobe.dev/v1alpha1 and kind Scenario; the others are VirtualMachine, VirtualMachineInstance or Pod.",
		Failing: "---\napiVersion: vmprobe.dev/v1\nkind: Scenario\nmetadata: {name: example}\nspec: {title: t, requirements: []}\n",
		Fixed:   goodDocument,
	},
	{
		Code: Manifest, Title: "a manifest that does not decode",
		Text:    "Manifests are read as strictly as an API server with strict field validation reads them: unknown fields and wrong types are errors.",
		Failing: "# the whole file\napiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: web}\nspec: {readinesProbe: {}}\n" + goodDocument,
		Fixed:   goodFile,
	},
	{
		Code: SameMachine, Title: "two machines of one name",
		Text:    "Guests and expectations find their machine by name, so a file cannot hold two of one name, whatever their kind or namespace.",
		Failing: "# the whole file\n" + exampleManifest + "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: web, namespace: other}\nspec: {domain: {devices: {}}}\n" + goodDocument,
		Fixed:   goodFile,
	},
}

var aboutValues = []Explanation{
	{
		Code: WrongType, Title: "a value of another type",
		Text:    "The value has the wrong shape: a list where text is expected, a number where text is expected. Text that looks like a number or like true must be quoted.",
		Failing: "title: 404\n", Fixed: "title: \"404\"\n",
	},
	{
		Code: DuplicateKey, Title: "a key given twice",
		Text:    "The second value would silently win, or the first. Merge them or remove one.",
		Failing: "expect:\n  web:\n    restarts: none\n    restarts: none\n", Fixed: "until: 300s\n",
	},
	{
		Code: MissingField, Title: "a field that is missing",
		Text:    "The field has no default here.",
		Failing: "faults:\n  - {for: 5s, partition: [prober, web]}\n", Fixed: "faults:\n  - {at: 40s, for: 5s, partition: [prober, web]}\n",
	},
	{
		Code: UnknownValue, Title: "a value that is not one of the choices",
		Text:    "The field takes one of a fixed set of words.",
		Failing: "profiles: [kubvirt]\n", Fixed: "profiles: [kubevirt]\n",
	},
	{
		Code: UnknownField, Title: "a field that does not exist",
		Text:    "A misspelt key that is ignored makes a test that checks nothing. All keys are checked, at every depth.",
		Failing: "untl: 300s\n", Fixed: "until: 300s\n",
	},
	{
		Code: NoUnit, Title: "a duration without unit",
		Text:    "40 could be seconds or milliseconds. Durations are written as in Go: 40s, 300ms, 1m30s.",
		Failing: "until: 300\n", Fixed: "until: 300s\n",
	},
	{
		Code: BadDuration, Title: "text that is not a duration",
		Text:    "Durations are written as in Go: a number and a unit out of ns, us, ms, s, m, h, several of them in a row. Only stepClock may be negative.",
		Failing: "until: 5min\n", Fixed: "until: 5m\n",
	},
	{
		Code: OutOfRange, Title: "a number out of range",
		Text:    "The field has a least and a greatest value.",
		Failing: "faults:\n  - {at: 40s, for: 5s, loss: web, percent: 120}\n",
		Fixed:   "faults:\n  - {at: 40s, for: 5s, loss: web, percent: 20}\n",
	},
	{
		Code: BadPort, Title: "a port out of range",
		Text:    "Ports are 1 to 65535.",
		Failing: "guests:\n  web:\n    http/80800:\n      - {at: 0s, reply: 200}\n", Fixed: "until: 300s\n",
	},
	{
		Code: BadReply, Title: "a reply that means nothing here",
		Text:    `HTTP ports answer with a status or refused, blackhole, unaccepted, hang, close, reset; TCP ports with ok, refused, blackhole, unaccepted, reset, close; agents with ok, down, hang, error, garbage; commands with an exit status or hang, missing, killed. In "replies" each may be followed by x3 or, last, by "...".`,
		Failing: "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: refuse}\n      - {at: 100s, reply: 503, as: broken}\n",
		Fixed:   "guests:\n  web:\n    http/8080:\n      - {at: 0s, reply: 200}\n      - {at: 100s, reply: 503, as: broken}\n",
	},
	{
		Code: BadName, Title: "a word that cannot be a name",
		Text:    `Formulas use the names of steps, faults, events, lets and vary values, and "-" is always minus there: names are camelCase letters and digits. Scenarios are named in kebab-case.`,
		Failing: "let: {first-loss: broken + period}\n", Fixed: "until: 300s\n",
	},
	{
		Code: Conflict, Title: "keys that exclude each other",
		Text:    `Some keys say the same thing in two ways ("in" and "after", "reply" and "replies"), some have a meaning only beside another one.`,
		Failing: "faults:\n  - {at: 40s, for: 5s, partition: [prober, web], percent: 20}\n",
		Fixed:   "faults:\n  - {at: 40s, for: 5s, loss: web, percent: 20}\n",
	},
}
