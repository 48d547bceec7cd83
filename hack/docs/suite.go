package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// proves counts what the suite holds.
func proves(f *facts) (string, error) {
	named, excluded, open := f.covered()
	var b strings.Builder
	b.WriteString("| | |\n|---|--:|\n")
	number := func(what string, n int) { b.WriteString(row(what, fmt.Sprint(n))) }
	number("embedded scenarios", len(f.scenarios))
	number("cases: scenario x varied values x profile", f.cases)
	b.WriteString(row("VM life simulated by one run of all cases", fmt.Sprintf("%d h", f.life/time.Hour)))
	number("requirements in the catalogue", named+excluded+len(open))
	number("requirements that at least one scenario names", named)
	number("requirements that no run can observe, each with the reason", excluded)
	number("requirements without a scenario", len(open))
	number("rules that the oracle holds every run to", len(oracle.Checks()))
	if len(open) > 0 {
		b.WriteString("\nWithout a scenario: " + strings.Join(open, ", ") + ".\n")
	}
	return b.String(), nil
}

// covered sorts the catalogue into what scenarios name, what no run can
// observe, and the rest.
func (f *facts) covered() (named, excluded int, open []string) {
	for _, r := range requirements.All() {
		switch {
		case f.naming[r.ID] > 0:
			named++
		case r.Excluded != "":
			excluded++
		default:
			open = append(open, r.ID)
		}
	}
	return named, excluded, open
}

// cases lists the embedded scenarios by the first word of their names.
func cases(f *facts) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d scenarios, %d cases.\n", len(f.scenarios), f.cases)
	group := ""
	for _, s := range f.scenarios {
		if s.group() != group {
			group = s.group()
			fmt.Fprintf(&b, "\n### %s-*\n\n| scenario | what it says | cases |\n|---|---|--:|\n", group)
		}
		b.WriteString(row(fmt.Sprintf("[%s](cases/%s.yaml)", s.name, s.name), plain(s.title), fmt.Sprint(s.cases)))
	}
	return b.String(), nil
}

// coverage counts the catalogue by area.
func coverage(f *facts) (string, error) {
	var b strings.Builder
	b.WriteString("| area | requirements | named by a scenario | not observable | open |\n|---|--:|--:|--:|--:|\n")
	for _, area := range requirements.Areas() {
		var all, named, excluded int
		for _, r := range requirements.All() {
			switch {
			case r.Area != area:
				continue
			case f.naming[r.ID] > 0:
				named++
			case r.Excluded != "":
				excluded++
			}
			all++
		}
		b.WriteString(row(fmt.Sprintf("[%s](#%s)", area, area),
			fmt.Sprint(all), fmt.Sprint(named), fmt.Sprint(excluded), fmt.Sprint(all-named-excluded)))
	}
	return b.String(), nil
}

// requirementIndex lists the catalogue by area.
func requirementIndex(f *facts) (string, error) {
	var b strings.Builder
	for _, area := range requirements.Areas() {
		fmt.Fprintf(&b, "### %s\n\n| id | level | what it says | source | scenarios |\n|---|---|---|---|--:|\n", area)
		for _, r := range requirements.All() {
			if r.Area != area {
				continue
			}
			title := plain(r.Title)
			if r.Excluded != "" {
				title += "<br>Not observable: " + plain(r.Excluded)
			}
			sources := make([]string, len(r.Source))
			for i, s := range r.Source {
				sources[i] = plain(s)
			}
			b.WriteString(row(r.ID, string(r.Level), title, strings.Join(sources, "<br>"), fmt.Sprint(f.naming[r.ID])))
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// oracleRules lists the rows of the oracle's table.
func oracleRules(*facts) (string, error) {
	var b strings.Builder
	b.WriteString("| reports under | what it holds a prober to | reads |\n|---|---|---|\n")
	for _, c := range oracle.Checks() {
		b.WriteString(row(c.Requirement, plain(c.Rule), c.Source.String()))
	}
	return b.String(), nil
}

// diagnostics lists the codes of scenario files.
func diagnostics(*facts) (string, error) { return codes(diag.Codes()) }

// knownCodes lists those of lists of known failures.
func knownCodes(*facts) (string, error) { return codes(diag.KnownCodes()) }

func codes(list []diag.Code) (string, error) {
	var b strings.Builder
	b.WriteString("| code | severity | what |\n|---|---|---|\n")
	for _, c := range list {
		e, ok := diag.Explain(string(c))
		if !ok {
			return "", fmt.Errorf("%s has no explanation", c)
		}
		b.WriteString(row(string(c), string(e.Severity), plain(e.Title)))
	}
	return b.String(), nil
}
