package scenarios_test

import (
	"errors"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
)

// table is a Names of a fixed set.
type table map[string]scenarios.Value

func (t table) Lookup(name string) (scenarios.Value, bool) { v, ok := t[name]; return v, ok }

func length(d time.Duration) scenarios.Value { return scenarios.Value{N: int64(d), IsDuration: true} }

func TestEval(t *testing.T) {
	names := table{"e": length(100 * time.Second), "F": {N: 3}, "P": length(10 * time.Second), "T": length(time.Second), "a#2.end": length(7 * time.Second)}
	vars := func(name string) (string, bool) {
		v, ok := map[string]string{"gap": "2s + 3s", "n": "4", "row.gap": "9s"}[name]
		return v, ok
	}
	for _, c := range []struct {
		text, want string
		err        error
	}{
		{"e + (F-1)*P + T", "2m1s", nil},
		{"e+F*P+T", "2m11s", nil},
		{"10 - 4 - 3", "3", nil},
		{"2 + 3 * 4", "14", nil},
		{"-P + e", "1m30s", nil},
		{"e - -P", "1m50s", nil},
		{"100 / 7 / 2", "7", nil},
		{"e / P", "10", nil},
		{"e / 3 * 3", "1m39.999999999s", nil},
		{"max(1s, P, e) - min(P, T)", "1m39s", nil},
		{"max(1, F)", "3", nil},
		{"1m30s + 500ms", "1m30.5s", nil},
		{"1.5s", "1.5s", nil},
		{"$gap * $n", "20s", nil}, // a value is in parentheses
		{"$row.gap + T", "10s", nil},
		{"a#2.end", "7s", nil},
		{"nothing + 1s", "", &scenarios.NoValueError{Name: "nothing"}},
		{"1s + 1", "", scenarios.ErrDimension},
		{"1 / 1s", "", scenarios.ErrDimension},
		{"P * P", "", scenarios.ErrDimension},
		{"P / (F - 3)", "", scenarios.ErrDivision},
		{"9223372036854775807 + 1", "", scenarios.ErrOverflow},
		{"-9223372036854775807 - 2", "", scenarios.ErrOverflow},
		{"9223372036854775807 * 2", "", scenarios.ErrOverflow},
		{"1000000h * 1000000", "", errors.New("refused")},
		{"", "", errors.New("refused")},
		{"1 +", "", errors.New("refused")},
		{"1 1", "", errors.New("refused")},
		{"(1", "", errors.New("refused")},
		{"max(1)", "", errors.New("refused")},
		{"$nothing", "", errors.New("refused")},
		{"1.5", "", errors.New("refused")},
		{"5d", "", errors.New("refused")},
	} {
		f, bad := scenarios.ParseFormula(c.text, scenarios.Pos{Line: 1, Col: 1}, vars)
		if bad != nil {
			if c.err == nil || c.err.Error() != "refused" {
				t.Errorf("%q: %v", c.text, bad)
			}
			continue
		}
		v, err := f.Eval(names)
		var noValue *scenarios.NoValueError
		switch {
		case errors.As(c.err, &noValue):
			var got *scenarios.NoValueError
			if !errors.As(err, &got) || got.Name != noValue.Name {
				t.Errorf("%q: %v, want %v", c.text, err, c.err)
			}
		case !errors.Is(err, c.err):
			t.Errorf("%q: %v, want %v", c.text, err, c.err)
		case err == nil && v.String() != c.want:
			t.Errorf("%q = %s, want %s", c.text, v, c.want)
		}
	}
	if _, err := (scenarios.Formula{}).Eval(names); !errors.Is(err, scenarios.ErrAbsent) {
		t.Errorf("no formula: %v", err)
	}
}

func TestFormulaPositions(t *testing.T) {
	_, bad := scenarios.ParseFormula("up + é.x", scenarios.Pos{File: "f", Line: 7, Col: 20}, nil)
	if bad == nil || bad.Pos.Col != 25 || bad.Pos.EndCol != 26 || bad.Pos.Line != 7 {
		t.Errorf("%+v", bad)
	}
	f, bad := scenarios.ParseFormula("up + (down#2 - 3s)", scenarios.Pos{File: "f", Line: 7, Col: 20}, nil)
	if bad != nil {
		t.Fatal(bad)
	}
	refs := f.Refs()
	if len(refs) != 2 || refs[1].Name != "down#2" || refs[1].Pos.Col != 26 || refs[1].Pos.EndCol != 32 {
		t.Errorf("%+v", refs)
	}
}
