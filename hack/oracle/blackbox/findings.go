package blackbox

import (
	"fmt"
	"slices"
	"strings"
)

// finding is a scenario in which they come to something else, for a reason that
// is theirs.
type finding struct {
	scenario string
	profiles []string // nil: all that the scenario has
	ours     bool     // healthy, in the tries in which we disagree
	said     string   // in what they say then
	why      string
}

// The reasons why they come to something else.
const (
	wholeBody = "They read the whole body within the timeout, the kubelet at most 10 KiB of it (HTTP-BODY-LIMIT)."
	statusToo = "They want the body as well as the status. The guide says that the status decides (HTTP-BODY-ERROR); " +
		"in the other profiles a torn body is no success either."
	crossHost = "They follow a redirect to another host; the kubelet stops there and is content (HTTP-REDIR-CROSS)."
	tenth     = "They follow ten redirects, the kubelet nine (HTTP-REDIR-LIMIT)."
	pathIsURL = "Their target is a URL; the kubelet reads the path of a probe as one (HTTP-URL)."
)

var guide = []string{"openshift-doc"}

// findings are all of them. One without a disagreement is out of date and fails
// the test, as does a disagreement without a finding.
var findings = []finding{
	{"http-body-large", nil, true, "Failed to read HTTP response body", wholeBody},
	{"http-body-error-keeps-state", guide, true, "Failed to read HTTP response body", statusToo},
	{"http-body-error-never-ready", guide, true, "Failed to read HTTP response body", statusToo},
	{"http-body-stalls-before-limit", guide, true, "Failed to read HTTP response body", statusToo},
	{"http-nc-never-reads", guide, true, "Failed to read HTTP response body", statusToo},
	{"multi-stalled-bodies", guide, true, "Failed to read HTTP response body", statusToo},
	{"network-bandwidth-body", guide, true, "Failed to read HTTP response body", statusToo},
	{"threshold-error-status-decides", guide, true, "Failed to read HTTP response body", statusToo},
	{"http-host-header", nil, true, "lookup shop.example", crossHost},
	{"threshold-warning-counts", nil, true, "lookup elsewhere.example", crossHost},
	{"http-redirect-nine", nil, true, "status_code=404", tenth},
	{"http-path-forms", nil, true, "Could not parse target URL", pathIsURL},
	{"http-path-forms", nil, true, "status_code=404", pathIsURL},
	{"http-path-with-colon", nil, false, "", pathIsURL},
}

// findingOf is the finding that explains a disagreement; -1: none does.
func findingOf(scenario, profile string, d *disagreement) int {
	return slices.IndexFunc(findings, func(f finding) bool {
		return f.scenario == scenario && (f.profiles == nil || slices.Contains(f.profiles, profile)) &&
			f.ours == healthy(d.ours.Class) && strings.Contains(d.said, f.said)
	})
}

// table is the findings as README.md has them, by their reasons.
func table() string {
	type row struct {
		profiles, why string
		ours          bool
	}
	var rows []row
	scenarios := map[row][]string{}
	for _, f := range findings {
		r := row{"all", f.why, f.ours}
		if f.profiles != nil {
			r.profiles = "`" + strings.Join(f.profiles, "`, `") + "`"
		}
		if name := "`" + f.scenario + "`"; !slices.Contains(scenarios[r], name) {
			scenarios[r] = append(scenarios[r], name)
		}
		if !slices.Contains(rows, r) {
			rows = append(rows, r)
		}
	}
	var b strings.Builder
	b.WriteString("| why | profiles | ours | theirs | scenarios |\n|---|---|---|---|---|\n")
	word := map[bool]string{true: "success", false: "failure"}
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.why, r.profiles, word[r.ours], word[!r.ours], strings.Join(scenarios[r], ", "))
	}
	return b.String()
}
