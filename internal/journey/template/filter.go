package template

import (
	"maps"
	"slices"

	plaintext "github.com/tabi-journeys/tabi/internal/journey/template/text"
)

// kind is what an argument of a filter has to be. Lint asks it of literals; at run time an odd value costs itself only.
type kind int

const (
	anyKind kind = iota
	textKind
	numberKind
	wholeKind // a whole number
	divisorKind
	propertyKind
	listKind
	boolKind
	zoneKind
	currencyKind
	languageKind
	digitsKind
)

// filter is a row of the table of filters.
type filter struct {
	name  string
	min   int    // arguments needed
	args  []kind // of the arguments it takes
	named map[string]kind
	run   func(c *filterCall, in any, args []any) any
}

// filterCall is one use of a filter while it runs.
type filterCall struct {
	*run
	call *call
}

// odd notes an odd value.
func (c *filterCall) odd(format string, args ...any) {
	c.note(c.call.at, c.call.filter.name, format, args...)
}

// number returns the number that a value counts as, and notes if it was none.
func (c *filterCall) number(v any) *number {
	n, odd := toNumber(v)
	if odd != "" {
		c.odd("%s counts as a number", odd)
	}
	return n
}

// whole returns an argument as a whole number; fallback where it is none.
func (c *filterCall) whole(v any, fallback int) int {
	n, ok := toWhole(v)
	if !ok {
		c.odd("the argument is %s and no whole number", kindOf(v))
		return fallback
	}
	return n
}

// apply calls the filter.
func (c *call) apply(r *run, in any) any {
	args := make([]any, len(c.args), len(c.args)+1)
	for i, a := range c.args {
		args[i] = a.value.value(r)
	}
	if len(c.named) > 0 {
		named := map[string]any{}
		for _, a := range c.named {
			named[a.name] = a.value.value(r)
		}
		args = append(args, named)
	}
	r.at = c.at
	n := 1
	switch v := in.(type) {
	case string:
		n += len(v)
	case Markup:
		n += len(v)
	case []any:
		n += len(v)
	}
	if !r.charge(n) {
		return nil
	}
	out := known(c.filter.run(&filterCall{r, c}, in, args))
	switch v := out.(type) {
	case string:
		n = len(v)
	case Markup:
		n = len(v)
	case []any:
		n = len(v)
		if n > maxItems {
			r.stop(errHeld)
			return nil
		}
	}
	if n > maxHeld {
		r.stop(errHeld)
		return nil
	}
	return out
}

// literalArg reports whether an argument is written in the template: it is the author's, and no value of a customer.
func (c *filterCall) literalArg(i int) bool {
	if i >= len(c.call.args) {
		return false
	}
	_, ok := c.call.args[i].value.(literal)
	return ok
}

// arg returns an argument; nil if it is not given.
func arg(args []any, i int) any {
	if i < len(args) {
		if _, named := args[i].(map[string]any); !named {
			return args[i]
		}
	}
	return nil
}

// given reports whether a value is there.
func given(v any) bool { return v != nil && v != "" }

// table builds the table of filters.
func table(rows ...filter) map[string]*filter {
	out := make(map[string]*filter, len(rows))
	for i := range rows {
		out[rows[i].name] = &rows[i]
	}
	return out
}

var filters = table(slices.Concat(textFilters, webFilters, numberFilters, listFilters, dateFilters)...)

// filterNames are the names of all filters, sorted.
var filterNames = slices.Sorted(maps.Keys(filters))

// elsewhere maps names of filters that other products have to ours.
var elsewhere = map[string]string{
	"timezone": "in_zone", "time_zone": "in_zone", "in_timezone": "in_zone", "in_time_zone": "in_zone", "local": "in_zone",
	"local_time": "in_zone", "utc": "in_zone", "currency": "money", "money_with_currency": "money", "money_without_currency": "number",
	"number_to_currency": "money", "number_with_delimiter": "number", "format_number": "number", "number_format": "number",
	"title": "capitalize", "titleize": "capitalize", "h": "escape", "nl2br": "newline_to_br", "length": "size", "count": "size",
	"to_json": "json", "as_json": "json", "json_escape": "json", "url_param_escape": "url_encode", "url_escape": "url_encode",
	"format_date": "date", "formatdate": "date", "strftime": "date",
	"divide": "divided_by", "multiply": "times", "add": "plus", "mod": "modulo",
}

// FilterNames returns the names of all filters, sorted.
func FilterNames() []string { return slices.Clone(filterNames) }

// textFilter makes a row of a filter that reads one text.
func textFilter(name string, do func(string) string) filter {
	return filter{name: name, run: func(_ *filterCall, in any, _ []any) any { return do(toText(in)) }}
}

// eachText applies do to the text of a value, and between the tags of markup.
func eachText(in any, do func(string) string) any {
	if m, ok := in.(Markup); ok {
		return Markup(plaintext.Between(string(m), do))
	}
	return do(toText(in))
}
