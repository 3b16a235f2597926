package template

import (
	"strings"
	"unicode"
	"unicode/utf8"

	plaintext "github.com/tabi-journeys/tabi/internal/journey/template/text"
)

// textFilters are the filters of texts.
var textFilters = []filter{
	{name: "append", min: 1, args: []kind{anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.concat(in, args[0], false)
	}},
	{name: "prepend", min: 1, args: []kind{anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.concat(in, args[0], true)
	}},
	{name: "capitalize", run: func(_ *filterCall, in any, _ []any) any {
		first := true
		return eachText(in, func(s string) string {
			if !first || s == "" {
				return strings.ToLower(s)
			}
			first = false
			r, size := utf8.DecodeRuneInString(s)
			return plaintext.Upper(string(r)) + strings.ToLower(s[size:])
		})
	}},
	{name: "downcase", run: func(_ *filterCall, in any, _ []any) any { return eachText(in, strings.ToLower) }},
	{name: "upcase", run: func(_ *filterCall, in any, _ []any) any { return eachText(in, plaintext.Upper) }},
	{
		name: "default", args: []kind{anyKind}, named: map[string]kind{"allow_false": boolKind},
		run: func(_ *filterCall, in any, args []any) any { return defaultTo(in, args) },
	},
	textFilter("camelcase", func(s string) string {
		var b strings.Builder
		for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			r, size := utf8.DecodeRuneInString(word)
			b.WriteString(string(unicode.ToUpper(r)) + word[size:])
		}
		return b.String()
	}),
	textFilter("handle", plaintext.Handle),
	textFilter("handleize", plaintext.Handle),
	{name: "lstrip", run: func(_ *filterCall, in any, _ []any) any { return keep(in, strings.TrimLeft) }},
	{name: "rstrip", run: func(_ *filterCall, in any, _ []any) any { return keep(in, strings.TrimRight) }},
	{name: "strip", run: func(_ *filterCall, in any, _ []any) any { return keep(in, strings.Trim) }},
	{name: "pluralize", min: 2, args: []kind{anyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		if n := c.number(in); n.String() == "1" {
			return args[0]
		}
		return args[1]
	}},
	{name: "remove", min: 1, args: []kind{anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], "", -1)
	}},
	{name: "remove_first", min: 1, args: []kind{anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], "", 1)
	}},
	{name: "remove_last", min: 1, args: []kind{anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], "", 0)
	}},
	{name: "replace", min: 1, args: []kind{anyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], arg(args, 1), -1)
	}},
	{name: "replace_first", min: 1, args: []kind{anyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], arg(args, 1), 1)
	}},
	{name: "replace_last", min: 2, args: []kind{anyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.replace(in, args[0], args[1], 0)
	}},
	{name: "slice", min: 1, args: []kind{wholeKind, wholeKind}, run: slice},
	{name: "split", min: 1, args: []kind{anyKind}, run: split},
	{name: "squish", run: func(_ *filterCall, in any, _ []any) any { return strings.Join(strings.Fields(toText(in)), " ") }},
	{name: "strip_newlines", run: func(_ *filterCall, in any, _ []any) any {
		return keep(in, func(s, _ string) string { return strings.NewReplacer("\r\n", "", "\n", "", "\r", "").Replace(s) })
	}},
	{name: "truncate", args: []kind{wholeKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		if in == nil {
			return nil
		}
		length, end := 50, "..."
		if len(args) > 0 {
			length = c.whole(args[0], 50)
		}
		if len(args) > 1 {
			end = toText(args[1])
		}
		s := toText(in)
		if utf8.RuneCountInString(s) <= length {
			return s
		}
		return plaintext.FirstCharacters(s, length-utf8.RuneCountInString(end)) + end
	}},
	{name: "truncatewords", args: []kind{wholeKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		if in == nil {
			return nil
		}
		length, end := 15, "..."
		if len(args) > 0 {
			length = max(1, c.whole(args[0], 15))
		}
		if len(args) > 1 {
			end = toText(args[1])
		}
		s := toText(in)
		words := strings.Fields(s)
		if len(words) <= length {
			return s
		}
		return strings.Join(words[:length], " ") + end
	}},
	{name: "type", run: func(_ *filterCall, in any, _ []any) any {
		switch in.(type) {
		case nil:
			return "nothing"
		case bool:
			return "boolean"
		case string, Markup:
			return "string"
		case []any, interval:
			return "list"
		case map[string]any:
			return "object"
		}
		if _, ok := in.(moment); ok || kindOf(in) == "a time" {
			return "time"
		}
		return "number"
	}},
}

// defaultTo returns the first argument where a value is missing, empty or false.
func defaultTo(in any, args []any) any {
	allow := false
	if len(args) > 0 {
		if named, ok := args[len(args)-1].(map[string]any); ok {
			allow, args = truthy(named["allow_false"]), args[:len(args)-1]
		}
	}
	if in == nil || in == false && !allow || isEmpty(in) {
		if len(args) > 0 {
			return args[0]
		}
		return ""
	}
	return in
}

// blanks is what strip removes: white space, that of other languages, too.
const blanks = space + "\u00a0\u3000\x00"

// keep applies a function to a text or to markup, which stays markup.
func keep(in any, do func(s, cut string) string) any {
	if m, ok := in.(Markup); ok {
		return Markup(do(string(m), blanks))
	}
	return do(toText(in), blanks)
}

// markupOf returns a value as markup. A text of the template's author, with trusted, is markup as it is.
func markupOf(v any, trusted bool) Markup {
	if m, ok := v.(Markup); ok {
		return m
	}
	if trusted {
		return Markup(toText(v))
	}
	return Markup(plaintext.EscapeHTML(toText(v)))
}

// concat puts two texts after each other. With markup the other is escaped, unless it is markup too.
func (c *filterCall) concat(in, other any, before bool) any {
	_, a := in.(Markup)
	_, b := other.(Markup)
	if a || b {
		x, y := markupOf(in, false), markupOf(other, c.literalArg(0))
		if before {
			return y + x
		}
		return x + y
	}
	if before {
		return toText(other) + toText(in)
	}
	return toText(in) + toText(other)
}

// replace replaces a text: everywhere (-1), in the first place (1) or in the last (0).
func (c *filterCall) replace(in, old, by any, times int) any {
	m, isMarkup := in.(Markup)
	s, was, is := toText(in), toText(old), toText(by)
	if isMarkup {
		s, is = string(m), string(markupOf(by, c.literalArg(1) || by == ""))
	}
	var out string
	switch count := strings.Count(s, was); {
	case times == 0:
		at := strings.LastIndex(s, was)
		if at < 0 {
			return in
		}
		out = s[:at] + is + s[at+len(was):]
	case times < 0 && count*(len(is)-len(was))+len(s) > maxHeld:
		c.stop(errHeld)
		return nil
	default:
		out = strings.Replace(s, was, is, times)
	}
	if isMarkup {
		return Markup(out)
	}
	return out
}

// slice returns a part of a text or a list.
func slice(c *filterCall, in any, args []any) any {
	from, length := c.whole(args[0], 0), 1
	if len(args) > 1 {
		length = c.whole(args[1], 1)
	}
	if _, isRange := in.(interval); isRange {
		in = items(in)
	}
	list, isList := in.([]any)
	characters := []rune(nil)
	size := len(list)
	if !isList {
		characters = []rune(toText(in))
		size = len(characters)
	}
	if from < 0 {
		from += size
	}
	if from < 0 || from > size || length < 0 {
		from, length = 0, 0
	}
	end := min(size, from+length)
	if isList {
		return list[from:end:end]
	}
	return string(characters[from:end])
}

// split cuts a text into a list. As in Ruby, empty parts at the end are dropped, and a space cuts at any white space.
func split(c *filterCall, in any, args []any) any {
	s, isMarkup := toText(in), false
	if m, ok := in.(Markup); ok && c.literalArg(0) {
		s, isMarkup = string(m), true
	}
	by := toText(args[0])
	var parts []string
	switch {
	case s == "":
		return []any{}
	case by == " ":
		parts = strings.Fields(s)
	default:
		if strings.Count(s, by) > maxItems || by == "" && utf8.RuneCountInString(s) > maxItems {
			c.stop(errHeld)
			return nil
		}
		parts = strings.Split(s, by)
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	out := make([]any, len(parts))
	for i, part := range parts {
		if isMarkup {
			out[i] = Markup(part)
		} else {
			out[i] = part
		}
	}
	return out
}
