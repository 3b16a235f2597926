package template

import (
	"slices"
	"strings"
)

// listFilters are the filters of lists. A value that is no list is a list of one, and nothing is an empty list.
var listFilters = []filter{
	{name: "compact", args: []kind{propertyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.choose(in, func(item any) bool { return c.part(item, arg(args, 0)) != nil })
	}},
	{name: "concat", min: 1, args: []kind{listKind}, run: func(c *filterCall, in any, args []any) any {
		switch args[0].(type) {
		case []any, interval, nil:
		default:
			c.odd("the argument is %s and no list: it is added as one item", kindOf(args[0]))
		}
		a, b := items(in), items(args[0])
		if len(a)+len(b) > maxItems {
			c.stop(errHeld)
			return nil
		}
		return slices.Concat(a, b)
	}},
	{name: "find", min: 1, args: []kind{propertyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		list := items(in)
		if i := slices.IndexFunc(list, c.matches(args)); i >= 0 {
			return list[i]
		}
		return nil
	}},
	{name: "find_index", min: 1, args: []kind{propertyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		if i := slices.IndexFunc(items(in), c.matches(args)); i >= 0 {
			return i
		}
		return nil
	}},
	{name: "has", min: 1, args: []kind{propertyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		return slices.ContainsFunc(items(in), c.matches(args))
	}},
	{name: "where", min: 1, args: []kind{propertyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.choose(in, c.matches(args))
	}},
	{name: "reject", min: 1, args: []kind{propertyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		matches := c.matches(args)
		return c.choose(in, func(item any) bool { return !matches(item) })
	}},
	{name: "first", run: end("first")},
	{name: "last", run: end("last")},
	{name: "join", args: []kind{anyKind}, run: join},
	{name: "map", min: 1, args: []kind{propertyKind}, run: func(c *filterCall, in any, args []any) any {
		list := items(in)
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = c.part(item, args[0])
		}
		return out
	}},
	{name: "reverse", run: func(_ *filterCall, in any, _ []any) any {
		out := slices.Clone(items(in))
		slices.Reverse(out)
		return out
	}},
	{name: "size", run: func(_ *filterCall, in any, _ []any) any {
		if size, ok := property(in, "size"); ok && size != nil {
			return size
		}
		return 0
	}},
	{name: "sort", args: []kind{propertyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.sort(in, args, func(a, b any) int {
			if order, ok := compare(a, b); ok {
				return order
			}
			if kindOf(a) != kindOf(b) {
				c.odd("the list has values of unlike kinds: they are sorted by kind")
			}
			return strings.Compare(kindOf(a), kindOf(b))
		})
	}},
	{name: "sort_natural", args: []kind{propertyKind}, run: func(c *filterCall, in any, args []any) any {
		return c.sort(in, args, func(a, b any) int {
			return strings.Compare(strings.ToLower(toText(a)), strings.ToLower(toText(b)))
		})
	}},
	{name: "sum", args: []kind{propertyKind}, run: func(c *filterCall, in any, args []any) any {
		var sum any = &number{whole: true}
		list := items(in)
		if given(arg(args, 0)) {
			values := make([]any, len(list))
			for i, item := range list {
				values[i] = c.part(item, args[0])
			}
			list = items(values)
		}
		for _, item := range list {
			if item == nil {
				continue
			}
			if sum = c.result(arithmetic(exact.Add, sum.(*number), c.number(item))); sum == nil {
				return nil
			}
		}
		return sum
	}},
	{name: "uniq", args: []kind{propertyKind}, run: uniq},
}

// part returns a property of an item; the item itself without a property.
func (c *filterCall) part(item, name any) any {
	item = known(item)
	if !given(name) {
		return item
	}
	if _, isText := item.(string); isText || item == nil {
		if item != nil {
			c.odd("an item is a text and has no properties")
		}
		return nil
	}
	part, ok := property(item, name)
	if !ok {
		c.odd("an item is %s and has no properties", kindOf(item))
	}
	return part
}

// choose returns the items for which ok holds.
func (c *filterCall) choose(in any, ok func(any) bool) []any {
	out := []any{}
	for _, item := range items(in) {
		if ok(item) {
			out = append(out, item)
		}
	}
	return out
}

// matches reports whether an item's property has a value, or is true where no value is given. An item that is a text
// matches by its content, as in Shopify's Liquid.
func (c *filterCall) matches(args []any) func(any) bool {
	want := arg(args, 1)
	return func(item any) bool {
		item = known(item)
		if s, isText := item.(string); isText {
			name := toText(args[0])
			return strings.Contains(s, name) && (want == nil || equal(want, name))
		}
		if !given(args[0]) {
			return truthy(item)
		}
		part := c.part(item, args[0])
		if want == nil {
			return truthy(part)
		}
		return equal(part, want)
	}
}

// end makes the filter first or last: of a list, an item; of a text, a character; any other value is itself.
func end(name string) func(*filterCall, any, []any) any {
	return func(_ *filterCall, in any, _ []any) any {
		switch v := in.(type) {
		case nil:
			return nil
		case string, Markup:
			runes := []rune(toText(v))
			switch {
			case len(runes) == 0:
				return ""
			case name == "first":
				return string(runes[0])
			}
			return string(runes[len(runes)-1])
		case []any, interval, map[string]any:
			part, _ := property(in, name)
			return part
		}
		return in
	}
}

// join writes the items of a list with a text between them.
func join(c *filterCall, in any, args []any) any {
	glue, trusted := any(" "), true
	if len(args) > 0 {
		glue, trusted = args[0], c.literalArg(0)
	}
	list := items(in)
	markup := slices.ContainsFunc(list, func(v any) bool { _, ok := v.(Markup); return ok })
	between := toText(glue)
	if markup {
		between = string(markupOf(glue, trusted))
	}
	if len(list)*len(between) > maxHeld {
		c.stop(errHeld)
		return nil
	}
	var b strings.Builder
	for i, item := range list {
		if i > 0 {
			b.WriteString(between)
		}
		if b.Len() > maxHeld {
			c.stop(errHeld)
			return nil
		}
		if markup {
			b.WriteString(string(markupOf(known(item), false)))
		} else {
			b.WriteString(toText(known(item)))
		}
	}
	if markup {
		return Markup(b.String())
	}
	return b.String()
}

// sort sorts a list by a property or by its items. What is nothing comes last; equal items keep their order.
func (c *filterCall) sort(in any, args []any, order func(a, b any) int) any {
	type entry struct{ key, item any }
	list := items(in)
	c.charge(10 * len(list))
	entries := make([]entry, len(list))
	for i, item := range list {
		entries[i] = entry{c.part(item, arg(args, 0)), item}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		switch {
		case a.key == nil && b.key == nil:
			return 0
		case a.key == nil:
			return 1
		case b.key == nil:
			return -1
		}
		return order(a.key, b.key)
	})
	out := make([]any, len(list))
	for i, e := range entries {
		out[i] = e.item
	}
	return out
}

// uniq returns each item once, or one item for each value of a property.
func uniq(c *filterCall, in any, args []any) any {
	seen := map[string]bool{}
	return c.choose(in, func(item any) bool {
		part := c.part(item, arg(args, 0))
		key := toJSON(part) // numbers are written alike, objects in the order of their keys
		c.charge(len(key))
		if seen[key] || c.err != nil {
			return false
		}
		seen[key] = true
		return true
	})
}
