package diag

import "strings"

// acceptedEntry is an entry without a mistake.
const acceptedEntry = `entries:
- case: http-flaky-readiness@kubevirt
  requirement: THR-FAILURE
  message: "ready -> false never happened"
  reason: the answer is cached for a minute
  issue: https://issues.example/acme/prober/12
  expires: 2999-12-31
`

// accepted is that entry with other lines in the place of those with the same
// key.
func accepted(lines ...string) string {
	var b strings.Builder
	for line := range strings.Lines(acceptedEntry) {
		key, _, _ := strings.Cut(line, ":")
		for _, other := range lines {
			if strings.HasPrefix(other, key+":") {
				line = other + "\n"
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

//nolint:gochecknoglobals // a table
var aboutKnown = []Explanation{
	{
		Code: Unfilled, Title: "a field that is not filled in",
		Text:    "An accepted failure has a reason, a place where it is tracked and a day on which it ends. --write-known-failing writes TODO where only a person knows.",
		Failing: accepted("  reason: TODO"), Fixed: accepted(),
	},
	{
		Code: BadIssue, Title: "an issue that is no URL",
		Text:    "The issue is shown in reports, where a reader must be able to follow it: http:// or https:// and a host.",
		Failing: accepted("  issue: ACME-12"), Fixed: accepted(),
	},
	{
		Code: BadDay, Title: "a day that is not in the calendar",
		Text:    "expires is a day as in 2027-01-31; the failure is accepted until its end, in UTC.",
		Failing: accepted("  expires: 2027-02-30"), Fixed: accepted(),
	},
	{
		Code: Expired, Title: "an entry whose time is over",
		Text:    "A known failure is accepted for a while, so that it is not forgotten. Mend the prober and remove the entry, or look at the issue and give it another day.",
		Failing: accepted("  expires: 2020-02-29"), Fixed: accepted(),
	},
	{
		Code: NoSuchCase, Title: "an entry that matches no case",
		Text:    "Neither the embedded scenarios nor those that were given have such a case: it was misspelt, or renamed in a newer suite.",
		Failing: accepted("- case: http-flaky-readyness@kubevirt"), Fixed: accepted(),
	},
	{
		Code: TooWide, Title: "an entry that matches more than 20 cases",
		Text:    "An entry is about one mistake. A pattern that takes in half of the suite would hide the next one.",
		Failing: accepted(`- case: "http-*"`), Fixed: accepted(`- case: "http-flaky-*@kubevirt"`),
	},
	{
		Code: ListedTwice, Title: "a failure that is listed twice",
		Text:    "Two entries accept the same requirement of the same case with messages that can be the same: one of them would look used for ever.",
		Failing: accepted() + strings.TrimPrefix(accepted("- case: http-flaky-readiness", `  message: "ready -> false*"`), "entries:\n"), Fixed: accepted(),
	},
	{
		Code: PassesNow, Title: "an entry whose case passes now",
		Text:    "The prober is better than the file says: remove the entry, so that the failure is noticed when it comes back.",
		Failing: accepted(), Fixed: "entries: []\n",
	},
	{
		Code: FailsOtherwise, Title: "an entry whose case fails in another way",
		Text:    "An entry accepts one failure: a requirement, and the message of the first divergence under it. Another one is a failure that nobody has accepted.",
		Failing: accepted(`  message: "restarts: 3"`), Fixed: accepted(),
	},
	{
		Code: NotJudged, Title: "an entry whose case is not claimed",
		Text:    "The prober does not claim a feature that the case needs, so there is nothing to accept: claim it, or remove the entry.",
		Failing: accepted(), Fixed: "entries: []\n",
	},
	{
		Code: OtherSuite, Title: "a file that was written for another suite",
		Text:    "The scenarios of the cases that the entries name have changed since suite.digest was written, so each entry must be looked at again: run with --known-failing and --write-known-failing, which keeps what still holds, and compare.",
		Failing: "suite: {version: v0.1.0, digest: \"sha256:00\"}\n" + accepted(), Fixed: accepted(),
	},
}
