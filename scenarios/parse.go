package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// maxFormula bounds the length of a formula, its depth and the expansion of
// its $names.
const (
	maxFormula      = 2000
	maxFormulaDepth = 60
	maxVarDepth     = 1
)

// ParseFormula parses the text of a formula; pos is the place of its first
// character. vars gives the text of $names, without the dollar; nil: there
// are none.
func ParseFormula(text string, pos Pos, vars func(name string) (string, bool)) (Formula, *diag.Diagnostic) {
	return parseFormula(text, pos, vars, nil, 0)
}

func parseFormula(text string, pos Pos, vars func(string) (string, bool), varNames []string, nested int) (Formula, *diag.Diagnostic) {
	p := &parser{text: text, start: pos, vars: vars, varNames: varNames, nested: nested}
	f := Formula{Text: text, Pos: pos}
	if len(text) > maxFormula {
		p.fail(0, 1, diag.BadFormula, "", "a formula of more than %d bytes", maxFormula)
		return f, p.err
	}
	p.next()
	root := p.sum()
	if p.err == nil && p.token != "" {
		p.unexpected("an operator")
	}
	if p.err != nil {
		return f, p.err
	}
	f.root = root
	return f, nil
}

// Tokens: durations before numbers, names with their #n and dots.
var (
	tokenRE = regexp.MustCompile(`^(?:\$[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_]+)*` +
		`|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+` +
		`|[0-9]+(?:\.[0-9]+)?` +
		`|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?:#[0-9]+(?:\.[A-Za-z]+)?)?` +
		`|[-+*/(),])`)
	integerRE = regexp.MustCompile(`^[0-9]+$`)
	nameTok   = regexp.MustCompile(`^[A-Za-z_]`)
)

type parser struct {
	text     string
	start    Pos
	vars     func(string) (string, bool)
	varNames []string
	nested   int // of $names
	depth    int

	at, end int // of the token
	token   string
	err     *diag.Diagnostic
}

func (p *parser) next() {
	p.at = p.end
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	p.token = ""
	p.end = p.at
	if p.at == len(p.text) || p.err != nil {
		return
	}
	p.token = tokenRE.FindString(p.text[p.at:])
	if p.token == "" {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		p.fail(p.at, p.at+size, diag.BadFormula, "", "unexpected %q in a formula", r)
		return
	}
	p.end = p.at + len(p.token)
}

func (p *parser) pos(from, to int) Pos {
	pos := p.start
	if p.nested > 0 || strings.Contains(p.text, "\n") {
		return pos
	}
	pos.Col += utf8.RuneCountInString(p.text[:from])
	pos.EndCol = max(p.start.Col+utf8.RuneCountInString(p.text[:min(to, len(p.text))]), pos.Col+1)
	return pos
}

// fail notes the first mistake; parsing goes on only to unwind.
func (p *parser) fail(from, to int, code diag.Code, help, format string, args ...any) {
	if p.err != nil {
		return
	}
	p.err = &diag.Diagnostic{
		Code: code, Severity: code.Severity(), Pos: p.pos(from, to),
		Message: fmt.Sprintf(format, args...), Help: help,
	}
}

func (p *parser) unexpected(want string) {
	if p.token == "" {
		p.fail(len(p.text), len(p.text)+1, diag.BadFormula, "", "expected %s at the end of the formula", want)
		return
	}
	p.fail(p.at, p.end, diag.BadFormula, "", "expected %s, found %q", want, p.token)
}

func (p *parser) sum() *node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxFormulaDepth {
		p.fail(p.at, p.end, diag.BadFormula, "", "the formula is nested too deeply")
	}
	left := p.product()
	for p.err == nil && (p.token == "+" || p.token == "-") {
		o := opAdd
		if p.token == "-" {
			o = opSub
		}
		left = p.binary(o, left, p.product)
	}
	return left
}

func (p *parser) product() *node {
	left := p.unary()
	for p.err == nil && (p.token == "*" || p.token == "/") {
		o := opMul
		if p.token == "/" {
			o = opDiv
		}
		left = p.binary(o, left, p.unary)
	}
	return left
}

func (p *parser) binary(o op, left *node, operand func() *node) *node {
	n := &node{op: o, left: left, pos: p.pos(p.at, p.end)}
	p.next()
	n.right = operand()
	return n
}

func (p *parser) unary() *node {
	if p.err != nil {
		return nil
	}
	if p.token == "-" {
		p.depth++
		defer func() { p.depth-- }()
		if p.depth > maxFormulaDepth {
			p.fail(p.at, p.end, diag.BadFormula, "", "the formula is nested too deeply")
			return nil
		}
		n := &node{op: opNeg, pos: p.pos(p.at, p.end)}
		p.next()
		n.left = p.unary()
		return n
	}
	return p.atom()
}

func (p *parser) atom() *node {
	n := &node{pos: p.pos(p.at, p.end)}
	tok, at, end := p.token, p.at, p.end
	switch {
	case tok == "(":
		p.next()
		inner := p.sum()
		p.expect(")")
		return inner
	case strings.HasPrefix(tok, "$"):
		p.next()
		return p.variable(tok[1:], at, end)
	case integerRE.MatchString(tok):
		v, err := strconv.ParseInt(tok, 10, 64)
		if err != nil {
			p.fail(at, end, diag.BadFormula, "", "%s is out of range", tok)
		}
		n.value = Value{N: v}
		p.next()
		return n
	case tok != "" && tok[0] >= '0' && tok[0] <= '9':
		return p.literal(n, tok, at, end)
	case nameTok.MatchString(tok):
		p.next()
		if p.token == "(" {
			return p.call(n, tok, at, end)
		}
		n.op, n.name = opName, tok
		return n
	}
	p.unexpected("a name, a number or a duration")
	return nil
}

func (p *parser) literal(n *node, tok string, at, end int) *node {
	d, err := time.ParseDuration(tok)
	switch {
	case err != nil:
		p.fail(at, end, diag.BadFormula, "only whole numbers and durations such as 1.5s", "%s is not a whole number", tok)
	case d > syntax.MaxDuration:
		p.fail(at, end, diag.BadFormula, "", "duration %s is out of range", tok)
	}
	n.value = Value{N: int64(d), IsDuration: true}
	p.next()
	return n
}

func (p *parser) expect(token string) {
	if p.err == nil && p.token != token {
		p.unexpected(fmt.Sprintf("%q", token))
		return
	}
	p.next()
}

func (p *parser) call(n *node, name string, at, end int) *node {
	switch name {
	case "max":
		n.op = opMax
	case "min":
		n.op = opMin
	default:
		p.fail(at, end, diag.UnknownName, diag.DidYouMean(name, []string{"max", "min"}), "unknown function %q", name)
		return nil
	}
	p.next()
	n.left = p.sum()
	p.expect(",")
	n.right = p.sum()
	for p.err == nil && p.token == "," {
		p.next()
		n = &node{op: n.op, left: n, pos: n.pos, right: p.sum()}
	}
	p.expect(")")
	return n
}

// variable replaces $name by its value, which may be a formula itself.
func (p *parser) variable(name string, at, end int) *node {
	if p.err != nil {
		return nil
	}
	text, ok := "", false
	if p.vars != nil {
		text, ok = p.vars(name)
	}
	if !ok {
		p.fail(at, end, diag.UnknownVary, diag.DidYouMean(name, p.varNames), "no vary name %q", "$"+name)
		return nil
	}
	if p.nested >= maxVarDepth {
		p.fail(at, end, diag.BadFormula, "", "%q refers to itself", "$"+name)
		return nil
	}
	f, err := parseFormula(text, p.pos(at, end), p.vars, p.varNames, p.nested+1)
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return nil
	}
	return f.root
}
