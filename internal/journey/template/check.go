package template

import (
	"slices"
	"strings"

	"github.com/bojanz/currency"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Checked is a template as lint sees it.
type Checked struct {
	Problems []Problem
	Names    []Name // of variables that the template does not assign itself, up to the first tag with a fault of the syntax
	Renders  []Render
	Reads    []string // the first part of each name, those that the template assigns itself too; sorted
}

// Render is a block that a template renders.
type Render struct {
	Block  Part // at the opening quote of its name
	Params []Part
	Alias  string // the parameter of with or for without as: the block's own name; empty: neither
}

// Name is a variable that a template reads, with the names after its points, up to the first that is computed.
type Name []Part

// Part is a part of a name. Offset counts bytes.
type Part struct {
	Offset int
	Text   string
}

// Check returns the problems of a Liquid template by position, and the names that it reads. With html, inserted values
// are escaped.
func Check(source string, html bool) Checked {
	t, p := parse(source, html)
	for _, c := range p.calls {
		p.literals(c)
	}
	out := Checked{Problems: p.problems}
	slices.SortStableFunc(out.Problems, func(a, b Problem) int { return a.Offset - b.Offset })
	for _, tag := range t.renders {
		r := Render{Block: tag.block, Params: tag.params()}
		if tag.with != nil && !tag.named {
			r.Alias = tag.alias.Text
		}
		out.Renders = append(out.Renders, r)
	}
	for _, use := range t.uses {
		out.Reads = append(out.Reads, use.root)
		if t.assigned[use.root] || use.at >= p.readable {
			continue
		}
		name := Name{{use.at, use.root}}
		for _, part := range use.path {
			text := part.name
			if l, ok := part.index.(literal); ok {
				s, isText := l.v.(string)
				if !isText {
					break
				}
				text = s
			} else if part.index != nil {
				break
			}
			name = append(name, Part{part.at, text})
		}
		out.Names = append(out.Names, name)
	}
	slices.Sort(out.Reads)
	out.Reads = slices.Compact(out.Reads)
	return out
}

// arity reports too few and too many arguments of a filter.
func (e *exprParser) arity(c *call) {
	f := c.filter
	switch {
	case e.failed:
		return
	case len(c.args) < f.min && f.min == 1:
		e.reportFilter(c.at, "", "the filter %s needs an argument", f.name)
	case len(c.args) < f.min:
		e.reportFilter(c.at, "", "the filter %s needs %d arguments, got %d", f.name, f.min, len(c.args))
	case len(c.args) > len(f.args) && len(f.args) == 0:
		e.reportFilter(c.args[0].at, "", "the filter %s takes no argument", f.name)
	case len(c.args) > len(f.args):
		most := human.Count(len(f.args), "argument", "arguments")
		e.reportFilter(c.args[len(f.args)].at, "", "the filter %s takes %s, got %d", f.name, most, len(c.args))
	}
	for _, a := range c.named {
		if _, known := f.named[a.name]; !known {
			names := slices.Collect(func(yield func(string) bool) {
				for name := range f.named {
					if !yield(name) {
						return
					}
				}
			})
			e.reportFilter(a.at, human.Suggest(a.name, names), "the filter %s has no argument %q", f.name, a.name+":")
		}
	}
	e.calls = append(e.calls, c)
}

// literals reports arguments that are written in the template and can never be right.
func (p *parser) literals(c *call) {
	for i, a := range c.args {
		l, ok := a.value.(literal)
		if !ok || i >= len(c.filter.args) {
			continue
		}
		p.literal(c, a.at, c.filter.args[i], l.v)
	}
	for _, a := range c.named {
		if l, ok := a.value.(literal); ok && c.filter.named[a.name] == boolKind {
			if _, isBool := l.v.(bool); !isBool {
				p.reportFilter(a.at, "", "%s: is true or false", a.name)
			}
		}
	}
}

func (p *parser) literal(c *call, at int, want kind, v any) {
	name, s := c.filter.name, toText(v)
	value := func(hint, format string, args ...any) {
		p.reportFilter(at, hint, format, args...)
		p.problems[len(p.problems)-1].Code = "bad-value"
	}
	switch _, odd := toNumber(v); want {
	case numberKind, divisorKind:
		if odd != "" {
			p.reportFilter(at, "", "the filter %s takes a number here", name)
		} else if n, _ := toNumber(v); want == divisorKind && n.IsZero() {
			p.reportFilter(at, "", "a division by 0 inserts nothing")
		}
	case wholeKind:
		if n, ok := toWhole(v); !ok || (name == "truncate" || name == "truncatewords") && n < 0 {
			p.reportFilter(at, "", "the filter %s takes a whole number here", name)
		}
	case digitsKind:
		if n, ok := toWhole(v); !ok || n < 0 || n > 6 {
			p.reportFilter(at, "", "the filter %s takes 0 to 6 digits", name)
		}
	case textKind:
		if _, isText := v.(string); !isText {
			p.reportFilter(at, "", "the filter %s takes a text here: put it between quotes", name)
		}
	case propertyKind:
		if _, isText := v.(string); !isText {
			p.reportFilter(at, "", "the filter %s takes the name of a property here, between quotes", name)
		}
	case listKind:
		p.reportFilter(at, "", "the filter %s takes a list here", name)
	case zoneKind:
		if !localtime.IANA(s) {
			value(localtime.Suggest(s), "%q is no time zone: write a name such as Asia/Tokyo", s)
		}
	case currencyKind:
		if !currency.IsValid(s) {
			value(suggestCurrency(s), "%q is no currency: write a code such as JPY or EUR", s)
		}
	case languageKind:
		if !human.WrittenLanguage(s) {
			value(human.SuggestLanguage(s), "%q is no language: write a code such as ja or pt-BR", s)
		}
	}
	if name == "date" && want == textKind && s == "" {
		p.reportFilter(at, "", "the form of the date is empty")
	}
}

// suggestCurrency returns the code that a name or sign of a currency most likely means, or "".
func suggestCurrency(s string) string {
	upper := strings.ToUpper(strings.TrimSpace(s))
	if currency.IsValid(upper) {
		return upper
	}
	return map[string]string{
		"YEN": "JPY", "¥": "JPY", "￥": "JPY", "円": "JPY", "EURO": "EUR", "EUROS": "EUR", "€": "EUR", "$": "USD", "US$": "USD",
		"DOLLAR": "USD", "DOLLARS": "USD", "£": "GBP", "POUND": "GBP", "POUNDS": "GBP", "WON": "KRW", "₩": "KRW", "RMB": "CNY",
		"YUAN": "CNY", "元": "CNY", "RUPEE": "INR", "₹": "INR",
	}[upper]
}

// clockWord reports whether an expression is "now" or "today", or a variable that was assigned from it, and where.
func (p *parser) clockWord(x expression) (at int, is bool) {
	switch x := x.(type) {
	case literal:
		s, isText := x.v.(string)
		return x.at, isText && isClockWord(s)
	case lookup:
		return x.at, len(x.path) == 0 && p.clocks[x.root]
	case pipeline:
		for _, c := range x.calls {
			if !caseFilters[c.filter.name] {
				return 0, false
			}
		}
		return p.clockWord(x.input)
	}
	return 0, false
}

// caseFilters are the filters that leave "now" a word for the wall clock.
var caseFilters = map[string]bool{
	"upcase": true, "downcase": true, "capitalize": true, "strip": true, "lstrip": true, "rstrip": true, "in_zone": true,
}

// clock reports the filter date on "now" and "today", which read the wall clock in other Liquids.
func (e *exprParser) clock(p pipeline) {
	at, is := e.clockWord(p.input)
	for _, c := range p.calls {
		switch name := c.filter.name; {
		case caseFilters[name]:
		case name == "default" && len(c.args) > 0:
			at, is = e.clockWord(c.args[0].value)
		case name == "date" && is:
			e.reportFilter(at, "", "write {{ now | date: … }} without quotes: now is a variable")
			return
		default:
			return
		}
	}
}
