package template

import (
	"html"
	"maps"
	"slices"
	"strings"
)

type node interface{ render(r *run) flow }

// all renders nodes in order.
func (r *run) all(body []node) flow {
	for _, n := range body {
		if f := n.render(r); f != onward {
			return f
		}
	}
	return onward
}

type (
	// placed is a tag at its offset.
	placed struct {
		at int
		node
	}
	text   string
	output struct {
		at    int
		value expression
	}
	assignment struct {
		name  string
		value expression
	}
	capture struct {
		name string
		body []node
	}
	branch struct {
		when expression
		not  bool
		body []node
	}
	choice     []branch
	caseClause struct {
		values []expression
		other  bool
		body   []node
	}
	caseOf struct {
		value   expression
		clauses []caseClause
	}
	jump    string
	counter struct {
		name string
		up   bool
	}
	cycle struct {
		key    string
		values []expression
	}
)

func (p placed) render(r *run) flow {
	r.at = p.at
	return p.node.render(r)
}

func (t text) render(r *run) flow { return r.write(string(t)) }

func (o output) render(r *run) flow {
	r.at = o.at
	v := o.value.value(r)
	if r.specimens {
		if s, ok := r.marked(o, v); ok {
			return r.write(s)
		}
	}
	return r.insert(v)
}

// insert prints a value, escaped in HTML.
func (r *run) insert(v any) flow {
	if m, ok := v.(Markup); ok {
		return r.write(string(m))
	}
	if list, ok := v.([]any); ok && r.HTML {
		for _, item := range list {
			if f := r.insert(known(item)); f != onward {
				return f
			}
		}
		return onward
	}
	s := printed(v)
	if r.HTML {
		s = html.EscapeString(s)
	}
	return r.write(s)
}

func (a assignment) render(r *run) flow { return r.set(a.name, a.value.value(r)) }

func (c capture) render(r *run) flow {
	outer := r.out
	r.out = &strings.Builder{}
	f := r.all(c.body)
	inner := r.out.String()
	r.out = outer
	if r.err != nil {
		return stopped
	}
	var v any = inner
	if r.HTML {
		v = Markup(inner)
	}
	if r.set(c.name, v) == stopped {
		return stopped
	}
	return f
}

func (c choice) render(r *run) flow {
	for _, b := range c {
		if truthy(b.when.value(r)) != b.not {
			return r.all(b.body)
		}
	}
	return onward
}

func (c caseOf) render(r *run) flow {
	v := c.value.value(r)
	matched := false
	for _, clause := range c.clauses {
		hit := clause.other && !matched
		for _, want := range clause.values {
			hit = hit || equal(v, want.value(r))
		}
		if !hit {
			continue
		}
		matched = true
		if f := r.all(clause.body); f != onward {
			return f
		}
	}
	return onward
}

func (j jump) render(*run) flow {
	if j == "break" {
		return breaks
	}
	return continues
}

func (c counter) render(r *run) flow {
	if r.counters == nil {
		r.counters = map[string]int{}
	}
	n := r.counters[c.name]
	if c.up {
		r.counters[c.name] = n + 1
	} else {
		n--
		r.counters[c.name] = n
	}
	return r.insert(n)
}

func (c *cycle) render(r *run) flow {
	if r.cycles == nil {
		r.cycles = map[string]int{}
	}
	n := r.cycles[c.key]
	r.cycles[c.key] = (n + 1) % len(c.values)
	return r.insert(c.values[n%len(c.values)].value(r))
}

func (l literal) value(*run) any { return l.v }

func (l lookup) value(r *run) any {
	v, ok := r.locals[l.root]
	if !ok {
		if v, ok = r.Vars[l.root]; !ok {
			if n, counted := r.counters[l.root]; counted {
				v = n
			} else if l.root == contentName && r.content != nil {
				v = r.content
			} else if r.specimens {
				v = specimen{}
			}
		}
	}
	v = known(v)
	for _, part := range l.path {
		var key any = part.name
		if part.index != nil {
			key = part.index.value(r)
		}
		if v, ok = property(v, key); !ok {
			return nil
		}
	}
	return v
}

func (s span) value(r *run) any {
	from, okFrom := toWhole(s.from.value(r))
	to, okTo := toWhole(s.to.value(r))
	if !okFrom || !okTo {
		r.note(r.at, "range", "an end of the range is no whole number and counts as 0")
	}
	return interval{from, to}
}

func (p pipeline) value(r *run) any {
	v := p.input.value(r)
	for _, c := range p.calls {
		if r.err != nil {
			return nil
		}
		v = c.apply(r, v)
	}
	return v
}

func (l logic) value(r *run) any {
	if left := truthy(l.left.value(r)); left != l.and {
		return left
	}
	return truthy(l.right.value(r))
}

func (c comparison) value(r *run) any {
	a, b := c.left.value(r), c.right.value(r)
	switch c.op {
	case "==":
		return equal(a, b)
	case "!=", "<>":
		return !equal(a, b)
	case "contains":
		return contains(a, b)
	}
	order, ok := compare(a, b)
	if !ok {
		if a != nil && b != nil {
			r.note(r.at, c.op, "%s and %s have no order: the comparison is false", kindOf(a), kindOf(b))
		}
		return false
	}
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// pairs returns the keys and values of an object as lists of two, by key.
func pairs(m map[string]any) []any {
	out := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, []any{k, m[k]})
	}
	return out
}
