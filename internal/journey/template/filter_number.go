package template

import (
	"strings"

	"github.com/bojanz/currency"
	"github.com/cockroachdb/apd/v3"

	"github.com/tabi-journeys/tabi/internal/human"
)

// numberFilters are the filters of numbers.
var numberFilters = []filter{
	{name: "abs", run: func(c *filterCall, in any, _ []any) any {
		n := c.number(in)
		out := &number{whole: n.whole}
		out.Abs(&n.Decimal)
		return out
	}},
	{name: "at_least", min: 1, args: []kind{numberKind}, run: func(c *filterCall, in any, args []any) any {
		n, bound := c.number(in), c.number(args[0])
		if bound.Cmp(&n.Decimal) > 0 {
			return bound
		}
		return n
	}},
	{name: "at_most", min: 1, args: []kind{numberKind}, run: func(c *filterCall, in any, args []any) any {
		n, bound := c.number(in), c.number(args[0])
		if bound.Cmp(&n.Decimal) < 0 {
			return bound
		}
		return n
	}},
	{name: "ceil", run: integral(exact.Ceil)},
	{name: "floor", run: integral(exact.Floor)},
	{name: "round", args: []kind{wholeKind}, run: func(c *filterCall, in any, args []any) any {
		places := 0
		if len(args) > 0 {
			places = c.whole(args[0], 0)
		}
		return c.result(c.number(in).round(places))
	}},
	{name: "plus", min: 1, args: []kind{numberKind}, run: operation(exact.Add)},
	{name: "minus", min: 1, args: []kind{numberKind}, run: operation(exact.Sub)},
	{name: "times", min: 1, args: []kind{numberKind}, run: operation(exact.Mul)},
	{name: "divided_by", min: 1, args: []kind{divisorKind}, run: func(c *filterCall, in any, args []any) any {
		n, by := c.number(in), c.number(args[0])
		if by.IsZero() {
			c.odd("a division by 0: nothing is inserted")
			return nil
		}
		return c.result(divide(n, by))
	}},
	{name: "modulo", min: 1, args: []kind{divisorKind}, run: func(c *filterCall, in any, args []any) any {
		n, by := c.number(in), c.number(args[0])
		if by.IsZero() {
			c.odd("a division by 0: nothing is inserted")
			return nil
		}
		return c.result(remainder(n, by))
	}},
	{name: "money", min: 1, args: []kind{currencyKind, languageKind}, run: money},
	{name: "number", args: []kind{digitsKind, languageKind}, run: grouped},
}

// result returns a number; nothing where it is out of bounds.
func (c *filterCall) result(n *number) any {
	if n == nil {
		c.odd("the number is too large: nothing is inserted")
		return nil
	}
	return n
}

// operation makes a filter of an operation on two numbers.
func operation(op func(d, x, y *apd.Decimal) (apd.Condition, error)) func(*filterCall, any, []any) any {
	return func(c *filterCall, in any, args []any) any {
		return c.result(arithmetic(op, c.number(in), c.number(args[0])))
	}
}

// integral makes a filter of a rounding to a whole number.
func integral(op func(d, x *apd.Decimal) (apd.Condition, error)) func(*filterCall, any, []any) any {
	return func(c *filterCall, in any, _ []any) any {
		out := &number{whole: true}
		if _, err := op(&out.Decimal, &c.number(in).Decimal); err != nil || !out.fits() {
			return c.result(nil)
		}
		return out
	}
}

// amount returns the number to be formatted; ok is false if the value is none and is inserted as it is.
func (c *filterCall) amount(in any) (n *number, ok bool) {
	if !given(in) {
		return nil, false
	}
	n, odd := toNumber(in)
	if odd != "" {
		c.odd("%s: it is inserted as it is", odd)
		return nil, false
	}
	return n, true
}

// locale returns the language that a number or date is written in: of an argument, else the customer's.
func (c *filterCall) locale(v any) string {
	if given(v) {
		if name := toText(v); human.ValidLanguage(name) {
			return human.CanonicalLanguage(name)
		}
		c.odd("the argument is no language: the customer's is used")
	}
	return human.CanonicalLanguage(c.Language)
}

// money writes an amount of a currency.
func money(c *filterCall, in any, args []any) any {
	n, ok := c.amount(in)
	if !ok {
		return in
	}
	code := strings.ToUpper(strings.TrimSpace(toText(args[0]))) // some providers send eur
	digits, known := currency.GetDigits(code)
	if !known {
		c.odd("the argument is no currency: the number is inserted without one")
		return c.format(n, noCurrency, currency.DisplayNone, 0, 6, c.locale(arg(args, 1)))
	}
	if n = n.round(int(digits)); n == nil {
		return c.result(nil)
	}
	return c.format(n, code, currency.DisplaySymbol, digits, digits, c.locale(arg(args, 1)))
}

// grouped writes a number with its thousands in groups.
func grouped(c *filterCall, in any, args []any) any {
	n, ok := c.amount(in)
	if !ok {
		return in
	}
	if !given(arg(args, 0)) {
		return c.format(n, noCurrency, currency.DisplayNone, 0, 6, c.locale(arg(args, 1)))
	}
	digits := max(0, min(6, c.whole(args[0], 0)))
	if n = n.round(digits); n == nil {
		return c.result(nil)
	}
	return c.format(n, noCurrency, currency.DisplayNone, uint8(digits), uint8(digits), c.locale(arg(args, 1)))
}

// noCurrency is the currency of a number that is written without one.
const noCurrency = "EUR"

// format writes a number as CLDR does in a language.
func (c *filterCall) format(n *number, code string, show currency.Display, least, most uint8, locale string) any {
	amount, err := currency.NewAmount(n.Text('f'), code)
	if err != nil {
		return n
	}
	f := currency.NewFormatter(currency.NewLocale(locale))
	f.CurrencyDisplay, f.MinDigits, f.MaxDigits, f.RoundingMode = show, least, most, currency.RoundHalfUp
	f.SymbolMap["JPY"] = "¥" // where CLDR has a wide ￥, JP¥ or JPY too
	return f.Format(amount)
}
