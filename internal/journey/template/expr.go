package template

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/human"
)

// expression is a value, a condition or a chain of filters.
type expression interface{ value(r *run) any }

type (
	literal struct {
		at int
		v  any
	}
	// lookup is a name and the path after it: customer.address["city"].
	lookup struct {
		at   int
		root string
		path []accessor
	}
	accessor struct {
		at    int
		name  string
		index expression // in brackets; nil: name
	}
	span     struct{ from, to expression } // (1..5)
	pipeline struct {
		input expression
		calls []*call
	}
	comparison struct {
		op          string
		left, right expression
	}
	logic struct {
		and         bool
		left, right expression
	}
)

// call is the use of a filter.
type call struct {
	at     int
	filter *filter
	args   []argument
	named  []argument
}

type argument struct {
	at    int
	name  string // of a named argument
	value expression
}

// empty and blank are the words that values are compared with.
type (
	emptyWord struct{}
	blankWord struct{}
)

// lexeme is a token of an expression. kind is 'i' for a name, 'n' for a number, 's' for a text, 0 at the end; else the
// sign itself, or 'o' for an operator.
type lexeme struct {
	kind byte
	at   int
	text string
}

// exprParser parses one expression.
type exprParser struct {
	*parser
	next   int // offset
	to     int
	token  lexeme
	failed bool

	negated bool // the last value was the name not
}

// expression returns a parser of the expression between two offsets.
func (p *parser) expression(from, to int) *exprParser {
	e := &exprParser{parser: p, next: from, to: to}
	e.advance()
	return e
}

// fail reports the first fault of the expression.
func (e *exprParser) fail(at int, hint, format string, args ...any) {
	if !e.failed {
		e.failed = true
		e.report(at, hint, format, args...)
	}
	e.token, e.next = lexeme{at: e.to}, e.to
}

// nameRune reports whether a character may be in a name.
func nameRune(c rune, first bool) bool {
	return c == '_' || unicode.IsLetter(c) || !first && (c == '-' || unicode.IsDigit(c) || unicode.IsMark(c))
}

// advance reads the next token.
func (e *exprParser) advance() {
	source := e.source[:e.to]
	for e.next < e.to && strings.IndexByte(" \t\r\n\f\v", source[e.next]) >= 0 {
		e.next++
	}
	at := e.next
	if at >= e.to {
		e.token = lexeme{at: e.to}
		return
	}
	take := func(kind byte, length int) {
		e.token = lexeme{kind, at, source[at : at+length]}
		e.next = at + length
	}
	digit := func(i int) bool { return i < e.to && source[i] >= '0' && source[i] <= '9' }
	c, size := utf8.DecodeRuneInString(source[at:])
	switch {
	case c == '"' || c == '\'':
		end := at + 1
		for end < e.to && source[end] != byte(c) {
			if c == '"' && source[end] == '\\' {
				end++
			}
			end++
		}
		if end >= e.to {
			e.fail(at, "", "the text that begins here is never closed by %c", c)
			return
		}
		take('s', end+1-at)
	case digit(at), c == '-' && digit(at+1):
		end := at + 1
		for digit(end) {
			end++
		}
		if end < e.to && source[end] == '.' && digit(end+1) {
			for end++; digit(end); end++ {
			}
		}
		take('n', end-at)
	case nameRune(c, true):
		end := at + size
		for end < e.to {
			c, size := utf8.DecodeRuneInString(source[end:])
			if !nameRune(c, false) {
				break
			}
			end += size
		}
		if end < e.to && source[end] == '?' {
			end++
		}
		take('i', end-at)
	case strings.HasPrefix(source[at:], ".."):
		take('r', 2)
	case strings.HasPrefix(source[at:], "=="), strings.HasPrefix(source[at:], "!="), strings.HasPrefix(source[at:], "<>"),
		strings.HasPrefix(source[at:], "<="), strings.HasPrefix(source[at:], ">="):
		take('o', 2)
	case c == '<' || c == '>':
		take('o', 1)
	case strings.ContainsRune("|:,.[]()=", c):
		take(byte(c), 1)
	default:
		switch c {
		case '&':
			e.fail(at, "and", "conditions are joined by and, or")
		case '+', '-', '*', '/', '%':
			e.fail(at, "", "%q is unexpected here: numbers are computed by filters, such as {{ a | plus: b }}", c)
		case '!':
			e.fail(at, "", "%q is unexpected here: write {%% unless … %%}, or compare with == false", c)
		case '?':
			e.fail(at, "", "%q is unexpected here: write {%% if … %%}…{%% else %%}…{%% endif %%}", c)
		case '$', '{', '#':
			e.fail(at, "", "%q is unexpected here: write names alone, such as {{ customer.first_name }}", c)
		case '“', '”', '‘', '’', '„', '«', '»':
			e.fail(at, "", "%q is not a quote that Liquid reads: write \" or '", c)
		default:
			e.fail(at, "", "%q is unexpected here", c)
		}
	}
}

// done reports what follows a complete expression.
func (e *exprParser) done() {
	if e.token.kind == 0 {
		return
	}
	switch {
	case e.negated:
		e.fail(e.token.at, "", "there is no not: write {%% unless … %%}, or compare with == false")
	case e.token.kind == '=':
		e.fail(e.token.at, "==", "a comparison is written ==")
	case e.token.kind == ':':
		e.fail(e.token.at, "", "a colon comes after the name of a filter only")
	default:
		e.fail(e.token.at, "", "%q is unexpected here", e.token.text)
	}
}

// word reports whether the token is a name of the language, and passes it.
func (e *exprParser) word(text string) bool {
	if e.token.kind != 'i' || e.token.text != text {
		return false
	}
	e.advance()
	return true
}

// condition reads comparisons joined by and, or. As in Shopify's Liquid they are read from the right: a or b and c is
// a or (b and c), and a and b or c is a and (b or c).
func (e *exprParser) condition() expression {
	left := e.comparison()
	switch {
	case e.word("and"):
		return logic{true, left, e.condition()}
	case e.word("or"):
		return logic{false, left, e.condition()}
	}
	return left
}

func (e *exprParser) comparison() expression {
	left := e.pipeline()
	op := e.token.text
	if e.token.kind == 'o' || e.token.kind == 'i' && op == "contains" {
		e.advance()
		return comparison{op, left, e.pipeline()}
	}
	return left
}

func (e *exprParser) pipeline() expression {
	input := e.primary()
	if e.token.kind != '|' {
		return input
	}
	out := pipeline{input: input}
	for e.token.kind == '|' {
		e.advance()
		name := e.token
		if name.kind != 'i' {
			e.fail(name.at, "", "the name of a filter is missing after |")
			return out
		}
		e.advance()
		c := &call{at: name.at, filter: filters[name.text]}
		e.arguments(c)
		switch {
		case c.filter != nil:
			e.arity(c)
			out.calls = append(out.calls, c)
		case name.text == "safe" && e.html:
			e.reportFilter(name.at, "", "everything inserted into html is escaped; there is no filter safe")
		default:
			hint := elsewhere[name.text]
			if hint == "" {
				hint = human.Suggest(name.text, filterNames)
			}
			e.reportFilter(name.at, hint, "there is no filter %q", name.text)
		}
	}
	e.clock(out)
	return out
}

// arguments reads the arguments of a filter.
func (e *exprParser) arguments(c *call) {
	if e.token.kind != ':' {
		switch e.token.kind {
		case 's', 'n':
			e.fail(e.token.at, "", "a colon is missing after the name of the filter")
		}
		return
	}
	for {
		e.advance()
		arg := argument{at: e.token.at}
		if e.token.kind == 'i' && strings.HasPrefix(strings.TrimLeft(e.source[e.next:e.to], " \t\n\r"), ":") {
			arg.name = e.token.text
			e.advance()
			e.advance()
			arg.at = e.token.at
		}
		arg.value = e.primary()
		if arg.name != "" {
			c.named = append(c.named, arg)
		} else {
			c.args = append(c.args, arg)
		}
		if e.token.kind != ',' {
			return
		}
	}
}

// primary reads a literal, a name with its path, a range, or a condition in brackets.
func (e *exprParser) primary() expression {
	t := e.token
	switch t.kind {
	case 's':
		e.advance()
		return literal{t.at, unquote(t.text)}
	case 'n':
		e.advance()
		n, _ := parseNumber(t.text)
		if n == nil {
			e.fail(t.at, "", "the number is too long")
			return literal{t.at, nil}
		}
		n.whole = !strings.Contains(t.text, ".")
		return literal{t.at, n}
	case '(':
		e.advance()
		from := e.condition()
		if e.token.kind == 'r' {
			e.advance()
			from = span{from, e.primary()}
		}
		if e.token.kind != ')' {
			e.fail(t.at, "", `"(" is never closed by ")"`)
			return from
		}
		e.advance()
		return from
	case 'i':
		e.advance()
		switch t.text {
		case "true", "false":
			return literal{t.at, t.text == "true"}
		case "nil", "null":
			return literal{t.at, nil}
		case "empty", "blank":
			if e.token.kind != '.' && e.token.kind != '[' {
				if t.text == "empty" {
					return literal{t.at, emptyWord{}}
				}
				return literal{t.at, blankWord{}}
			}
		case "and", "or", "contains":
			e.fail(t.at, "", "%q is unexpected here", t.text)
			return literal{t.at, nil}
		}
		e.negated = t.text == "not"
		return e.path(lookup{at: t.at, root: t.text})
	case 0:
		e.fail(t.at, "", "a value is missing here")
	default:
		e.fail(t.at, "", "%q is unexpected here", t.text)
	}
	return literal{t.at, nil}
}

// path reads what follows a name.
func (e *exprParser) path(l lookup) expression {
	for {
		switch e.token.kind {
		case '.':
			e.advance()
			if e.token.kind != 'i' && e.token.kind != 'n' || strings.ContainsAny(e.token.text, "-.") && e.token.kind == 'n' {
				e.fail(e.token.at, "", "a name is missing after the point")
				return l
			}
			l.path = append(l.path, accessor{at: e.token.at, name: e.token.text})
			e.advance()
		case '[':
			at := e.token.at
			e.advance()
			l.path = append(l.path, accessor{at: e.token.at, index: e.primary()})
			if e.token.kind != ']' {
				e.fail(at, "", `"[" is never closed by "]"`)
				return l
			}
			e.advance()
		default:
			e.uses = append(e.uses, l)
			return l
		}
	}
}

// unquote returns the content of a text. Between double quotes \n, \t, \r, \" and \\ are read.
func unquote(s string) string {
	inner := s[1 : len(s)-1]
	if s[0] == '\'' || !strings.Contains(inner, `\`) {
		return inner
	}
	return escapes.Replace(inner)
}

var escapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
