package diag

import "strings"

// Explanation is the long form of a code. Both examples are real: a test
// loads the failing one and finds the code, and loads the fixed one without
// complaint. Those of KnownFailing files are entries.
type Explanation struct {
	Code           Code
	Severity       Severity
	Title          string // a noun phrase
	Text           string // what it means and why it matters
	Failing, Fixed string // excerpts of a file; ExampleFile makes them whole
}

// Explain gives the explanation of a code, in upper or lower case.
func Explain(code string) (Explanation, bool) {
	c := Code(strings.ToUpper(strings.TrimSpace(code)))
	for _, list := range [][]Explanation{aboutFiles, aboutValues, aboutNames, aboutMeaning, aboutTime, aboutKnown} {
		for _, e := range list {
			if e.Code == c {
				e.Severity = c.Severity()
				return e, true
			}
		}
	}
	return Explanation{}, false
}

// exampleManifest and exampleHeader stand around the excerpts.
const (
	exampleManifest = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain: {devices: {}}
  readinessProbe:
    httpGet: {port: 8080}
    initialDelaySeconds: 5
    periodSeconds: 10
    timeoutSeconds: 2
`
	exampleHeader = `apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: example}
`
)

var exampleSpec = []string{
	"title: a server that breaks is taken out of service\n",
	"requirements: [THR-FAILURE]\n",
	"until: 300s\n",
	`guests:
  web:
    http/8080:
      - {at: 0s, reply: 200}
      - {at: 100s, reply: 503, as: broken}
`,
	`expect:
  web:
    ready:
      - false
      - {to: true, in: [initialDelay, initialDelay + period]}
      - {to: false, in: [broken + 2*period, broken + 3*period]}
`,
}

// ExampleFile makes a whole scenario file, "example.yaml", of an excerpt: its
// top-level keys replace those of a plain spec. An excerpt that begins with
// "---" stands below the manifest as it is, one that begins with "#" is a file
// by itself.
func ExampleFile(excerpt string) string {
	switch {
	case strings.HasPrefix(excerpt, "---"):
		return exampleManifest + excerpt
	case strings.HasPrefix(excerpt, "#"):
		return excerpt
	}
	given := sections(excerpt)
	var spec []string
	used := map[string]bool{}
	for _, s := range exampleSpec {
		key := sectionKey(s)
		for _, g := range given {
			if sectionKey(g) == key {
				s = g
				used[key] = true
			}
		}
		spec = append(spec, s)
	}
	for _, g := range given {
		if !used[sectionKey(g)] {
			spec = append(spec, g)
		}
	}
	var b strings.Builder
	b.WriteString(exampleManifest + "---\n" + exampleHeader + "spec:\n")
	for _, s := range spec {
		for line := range strings.SplitAfterSeq(s, "\n") {
			if line != "" {
				b.WriteString("  " + line)
			}
		}
	}
	return b.String()
}

func sectionKey(s string) string {
	key, _, _ := strings.Cut(s, ":")
	return key
}

// sections cuts an excerpt at the lines that are not indented.
func sections(excerpt string) []string {
	var out []string
	for line := range strings.SplitAfterSeq(excerpt, "\n") {
		switch {
		case line == "":
		case line[0] != ' ' && line[0] != '-' || len(out) == 0:
			out = append(out, line)
		default:
			out[len(out)-1] += line
		}
	}
	return out
}
