package template

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// number is a decimal number. The division of two whole numbers is whole, as in Shopify's Liquid; 2.0 in a template is
// not whole, and neither is what was computed with it.
type number struct {
	apd.Decimal
	whole bool
}

// maxDigits bounds numbers: digits before and after the point.
const maxDigits = 400

// exact computes without losing digits within maxDigits, quotient rounds to more digits than a price needs.
var (
	exact    = apd.Context{Precision: 2 * maxDigits, MaxExponent: 4 * maxDigits, MinExponent: -4 * maxDigits, Rounding: apd.RoundHalfUp}
	quotient = exact.WithPrecision(40)
)

var numeric = regexp.MustCompile(`^[+-]?\d+(\.\d+)?$`)

// parseNumber reads a number in digits, with an optional exponent. The second result reports a fraction or not.
func parseNumber(s string) (*number, bool) {
	if len(s) > 2*maxDigits {
		return nil, false
	}
	n := &number{}
	if _, _, err := n.SetString(s); err != nil || n.Form != apd.Finite || !n.fits() {
		return nil, false
	}
	n.whole = n.integral()
	return n, true
}

// fits reports whether the number is within the bounds.
func (n *number) fits() bool {
	digits := n.NumDigits()
	return n.Form == apd.Finite && digits <= 2*maxDigits && n.Exponent > -maxDigits && int64(n.Exponent)+digits < maxDigits
}

// integral reports whether the number has no fraction.
func (n *number) integral() bool {
	if n.Exponent >= 0 {
		return true
	}
	var reduced apd.Decimal
	reduced.Reduce(&n.Decimal)
	return reduced.Exponent >= 0
}

// asNumber returns the number that a value is; nil for texts and all that is not a number.
func asNumber(v any) *number {
	switch v := v.(type) {
	case *number:
		return v
	case int:
		n := &number{whole: true}
		n.SetInt64(int64(v))
		return n
	case int64:
		n := &number{whole: true}
		n.SetInt64(v)
		return n
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return asNumber(int64(v))
		}
		n, _ := parseNumber(strconv.FormatFloat(v, 'g', -1, 64))
		return n
	case json.Number:
		n, _ := parseNumber(string(v))
		return n
	}
	return nil
}

// toNumber returns the number that a value counts as: a text as its digits at the beginning, else 0. odd is what the
// value was, in words; empty if it was a number.
func toNumber(v any) (n *number, odd string) {
	if n = asNumber(v); n != nil {
		return n, ""
	}
	text, ok := v.(string)
	if _, is := v.(specimen); is {
		text, ok = specimenText, true
	}
	if m, is := v.(Markup); is {
		text, ok = m.plain(), true
	}
	zero := &number{whole: true}
	if !ok {
		return zero, kindOf(v)
	}
	text = strings.TrimSpace(text)
	if numeric.MatchString(text) {
		if n, ok := parseNumber(text); ok {
			n.whole = !strings.Contains(text, ".")
			return n, ""
		}
	}
	end := 0
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		end++
	}
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if n, ok := parseNumber(text[:end]); ok {
		return n, "a text that is no number"
	}
	if text == "" {
		return zero, "an empty text"
	}
	return zero, "a text that is no number"
}

// toWhole returns the whole number that an argument is, bounded to what an index can be.
func toWhole(v any) (n int, ok bool) {
	num, odd := toNumber(v)
	f, err := num.Float64()
	if err != nil || odd != "" {
		return 0, false
	}
	return int(math.Max(-1<<40, math.Min(1<<40, math.Trunc(f)))), true
}

// String prints the number without exponent and without zeros at its end.
func (n *number) String() string {
	s := n.Text('f')
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// arithmetic applies an operation. It returns nil where the result is out of bounds, or a division is by 0.
func arithmetic(op func(d, x, y *apd.Decimal) (apd.Condition, error), x, y *number) *number {
	out := &number{whole: x.whole && y.whole}
	if _, err := op(&out.Decimal, &x.Decimal, &y.Decimal); err != nil || !out.fits() {
		return nil
	}
	return out
}

// remainder is the floored one: it has the sign of the divisor.
func remainder(x, y *number) *number {
	out := arithmetic(exact.Rem, x, y)
	if out != nil && !out.IsZero() && out.Negative != y.Negative {
		whole := out.whole
		if out = arithmetic(exact.Add, out, y); out != nil {
			out.whole = whole
		}
	}
	return out
}

// divide divides whole numbers down to a whole number, and others to a fraction.
func divide(x, y *number) *number {
	if y.IsZero() {
		return nil
	}
	if x.whole && y.whole {
		rest := remainder(x, y)
		if rest == nil {
			return nil
		}
		if x = arithmetic(exact.Sub, x, rest); x == nil {
			return nil
		}
		return arithmetic(exact.QuoInteger, x, y)
	}
	out := &number{}
	condition, err := quotient.Quo(&out.Decimal, &x.Decimal, &y.Decimal)
	if err != nil || !out.fits() {
		return nil
	}
	if condition.Inexact() { // as Shopify's Liquid prints it: the digits of a float
		if f, err := out.Float64(); err == nil {
			if short, ok := parseNumber(strconv.FormatFloat(f, 'g', -1, 64)); ok {
				short.whole = false
				return short
			}
		}
	}
	return out
}

// round rounds half away from 0 to a number of places; before the point if places is negative.
func (n *number) round(places int) *number {
	out := &number{whole: places <= 0}
	places = max(-maxDigits, min(maxDigits, places))
	if int(-n.Exponent) <= places {
		out.Set(&n.Decimal)
		return out
	}
	if _, err := exact.Quantize(&out.Decimal, &n.Decimal, int32(-places)); err != nil || out.Form != apd.Finite {
		return nil
	}
	return out
}
