package syntax

import (
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// KnownKind is the kind of a file of known failures.
const KnownKind = "KnownFailing"

// KnownFailing lists failures of a prober that its vendor knows and accepts for
// a while. An entry that accepts nothing any more is an error.
type KnownFailing struct {
	// APIVersion is "vmprobe.dev/v1alpha1".
	APIVersion Text `json:"apiVersion"`
	// Kind is "KnownFailing".
	Kind Text `json:"kind"`
	// Suite is the suite for which the file was written.
	Suite *KnownSuite `json:"suite,omitzero"`
	// Entries are the failures, one for each case and requirement.
	Entries []KnownEntry `json:"entries"`

	Pos diag.Pos `json:"-"`
}

// KnownSuite is the suite for which a file of known failures was written.
type KnownSuite struct {
	// Version is that of vmprobe; it is told when the digest does not fit.
	Version Text `json:"version,omitzero"`
	// Digest is the sha256 over the ids of the cases that the entries name and
	// the digests of their files: another one means that the entries must be
	// looked at again.
	Digest Text `json:"digest"`

	Pos diag.Pos `json:"-"`
}

// KnownEntry is a failure that is accepted until a day. Every field is needed.
type KnownEntry struct {
	// Case is the id of a case, as in "vmprobe list"; without its profile or
	// its values it stands for all of them, and "*" stands for any text. At
	// most 20 cases may match.
	Case Text `json:"case"`
	// Requirement is the rule that the failure names. A failure of the case
	// under another rule is not accepted.
	Requirement Text `json:"requirement"`
	// Message is a part of the message of the first failure under that rule;
	// "*" stands for any text. Another message is not accepted.
	Message Text `json:"message"`
	// Reason says why the prober fails.
	Reason Text `json:"reason"`
	// Issue is the URL where the failure is tracked.
	Issue Text `json:"issue"`
	// Expires is the last day on which the failure is accepted, in UTC, as in
	// 2027-01-31.
	Expires Date `json:"expires"`

	Keys map[string]diag.Pos `json:"-"`
	Pos  diag.Pos            `json:"-"`
}

// Date is a day, such as 2027-01-31.
type Date struct{ Text }

// DatePattern is the shape of a Date.
const DatePattern = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`

// A day is a timestamp to YAML. What is no day is told one level up, together
// with days that are not in the calendar.
func (t *Date) decodeYAML(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" {
		d.wrong(n, "a day as in 2027-01-31")
		return
	}
	t.S, t.Pos = n.Value, d.pos(n)
}

// DecodeKnownFailing reads a file of known failures.
func DecodeKnownFailing(file string, root *yaml.Node) (*KnownFailing, diag.List) {
	d := &decoder{file: file}
	doc := &KnownFailing{}
	d.value(root, reflect.ValueOf(doc).Elem())
	return doc, d.list
}
