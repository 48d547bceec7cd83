package diag

import "slices"

// Code names a kind of diagnostic. Codes are stable: they are never reused
// or renumbered.
type Code string

// Class says who can find a mistake.
type Class uint8

// Classes of codes. The JSON Schema of the language finds the structural
// ones in an editor; the others need the whole file.
const (
	Syntax     Class = iota // not (one) YAML value: no schema is asked
	Structural              // the shape of one value
	Semantic                // the relation of values
)

// The diagnostics of scenario files.
const (
	Encoding      Code = "S001" // not UTF-8, UTF-16, control characters
	YAML          Code = "S002" // not YAML
	TooBig        Code = "S003" // size, depth, alias expansion
	NoMergeKeys   Code = "S004" // "<<", complex or tagged keys
	Stream        Code = "S005" // not manifests followed by one Scenario
	ScenarioName  Code = "S006" // metadata.name
	Kind          Code = "S007" // unknown apiVersion or kind
	Manifest      Code = "S008" // the manifest does not decode
	SameMachine   Code = "S009" // two manifests with one name
	WrongType     Code = "S010" // a list where a text is wanted, ...
	DuplicateKey  Code = "S011" //
	MissingField  Code = "S012" //
	UnknownValue  Code = "S013" // not in the enumeration
	UnknownField  Code = "S014" //
	NoUnit        Code = "S015" // duration without unit
	BadDuration   Code = "S016" //
	OutOfRange    Code = "S017" // number
	BadPort       Code = "S018" // 1..65535
	BadReply      Code = "S019" // reply, counted item
	UnknownName   Code = "S020" // in a formula
	UnknownVM     Code = "S021" //
	UnknownReq    Code = "S022" // requirement id
	UnknownMutant Code = "S023" //
	UnknownVary   Code = "S024" // $name
	NameClash     Code = "S025" // as, let
	LetCycle      Code = "S026" //
	BadFormula    Code = "S027" // syntax
	Dimension     Code = "S028" // duration + count
	Conflict      Code = "S029" // keys that exclude each other
	NotProbed     Code = "S030" // endpoint that no probe asks
	NotScripted   Code = "S031" // probe without a guest
	NoAssertion   Code = "S032" // nothing asserted
	UnusedName    Code = "S033" // as, let
	UnusedVary    Code = "S034" //
	StepOrder     Code = "S035" // steps not ascending
	RunOut        Code = "S036" // replies may run out
	TooShort      Code = "S037" // until before the first attempt
	AfterUntil    Code = "S038" // event or window after until
	NoSuchProbe   Code = "S039" // expectation on a probe that does not exist
	Narrow        Code = "S040" // window narrower than legal
	Weak          Code = "S041" // window more than twice as wide as legal
	Ambiguous     Code = "S042" // outage of ambiguous length
	NearTimeout   Code = "S043" // delay within 20 % of the timeout
	LateEvent     Code = "S044" // in the last F*P+T
	TwoTimeBases  Code = "S045" //
	TooLong       Code = "S046" // virtual time
	TooMany       Code = "S047" // vary combinations
	NoKills       Code = "S048" // kills is empty
	NotRejected   Code = "S049" // the API would refuse the manifest
	EmptyWindow   Code = "S050" // lo after hi
	NoProfile     Code = "S051" // no profile is left
	BadName       Code = "S052" // as, let, vary: camelCase
)

// The diagnostics of KnownFailing files, beside those of their shape.
const (
	Unfilled       Code = "K001" // TODO, or empty
	BadIssue       Code = "K002" // no URL
	BadDay         Code = "K003" // no day of the calendar
	Expired        Code = "K004" //
	NoSuchCase     Code = "K005" // matches nothing
	TooWide        Code = "K006" // matches more than 20 cases
	ListedTwice    Code = "K007" //
	PassesNow      Code = "K008" //
	FailsOtherwise Code = "K009" // another requirement, another message
	NotJudged      Code = "K010" // the prober does not claim it
	OtherSuite     Code = "K011" // the cases have changed
)

// KnownCodes lists the codes of KnownFailing files in order.
func KnownCodes() []Code {
	return []Code{
		Unfilled, BadIssue, BadDay, Expired, NoSuchCase, TooWide, ListedTwice, PassesNow, FailsOtherwise, NotJudged, OtherSuite,
	}
}

type about struct {
	severity Severity
	class    Class
}

var codes = map[Code]about{
	Encoding: {Error, Syntax}, YAML: {Error, Syntax}, TooBig: {Error, Syntax},
	NoMergeKeys: {Error, Syntax}, Stream: {Error, Syntax}, ScenarioName: {Error, Semantic},
	Kind: {Error, Syntax}, Manifest: {Error, Syntax}, SameMachine: {Error, Semantic},
	WrongType: {Error, Structural}, DuplicateKey: {Error, Syntax}, MissingField: {Error, Structural},
	UnknownValue: {Error, Structural}, UnknownField: {Error, Structural}, NoUnit: {Error, Structural},
	BadDuration: {Error, Structural}, OutOfRange: {Error, Structural}, BadPort: {Error, Semantic},
	BadReply: {Error, Structural}, UnknownName: {Error, Semantic}, UnknownVM: {Error, Semantic},
	UnknownReq: {Error, Semantic}, UnknownMutant: {Error, Semantic}, UnknownVary: {Error, Semantic},
	NameClash: {Error, Semantic}, LetCycle: {Error, Semantic}, BadFormula: {Error, Semantic},
	Dimension: {Error, Semantic}, Conflict: {Error, Semantic}, NotProbed: {Error, Semantic},
	NotScripted: {Error, Semantic}, NoAssertion: {Error, Semantic}, UnusedName: {Error, Semantic},
	UnusedVary: {Error, Semantic}, StepOrder: {Error, Semantic}, RunOut: {Warning, Semantic},
	TooShort: {Error, Semantic}, AfterUntil: {Error, Semantic}, NoSuchProbe: {Error, Semantic},
	Narrow: {Error, Semantic}, Weak: {Warning, Semantic}, Ambiguous: {Error, Semantic},
	NearTimeout: {Warning, Semantic}, LateEvent: {Error, Semantic}, TwoTimeBases: {Warning, Semantic},
	TooLong: {Warning, Semantic}, TooMany: {Warning, Semantic}, NoKills: {Warning, Semantic},
	NotRejected: {Error, Semantic}, EmptyWindow: {Error, Semantic}, NoProfile: {Error, Semantic}, BadName: {Error, Structural},
}

// Codes lists the codes of scenario files in order.
func Codes() []Code {
	out := make([]Code, 0, len(codes))
	for c := range codes {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// Severity of a code; unknown codes are errors.
func (c Code) Severity() Severity {
	if a, ok := codes[c]; ok {
		return a.severity
	}
	return Error
}

// Class of a code.
func (c Code) Class() Class { return codes[c].class }
