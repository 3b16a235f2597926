package template

import (
	"fmt"
	"strconv"
	"strings"
)

// each is the tag for, or tablerow.
type each struct {
	row                 bool
	name, key           string
	list                expression
	limit, offset, cols expression
	resume, reversed    bool
	body, otherwise     []node
}

// loop is the variable forloop, or tablerowloop.
type loop struct {
	index, length, cols int
	parent              *loop
}

func (l *loop) property(name string) any {
	switch name {
	case "index":
		return l.index + 1
	case "index0":
		return l.index
	case "rindex":
		return l.length - l.index
	case "rindex0":
		return l.length - l.index - 1
	case "first":
		return l.index == 0
	case "last":
		return l.index == l.length-1
	case "length":
		return l.length
	case "parentloop":
		if l.parent != nil {
			return l.parent
		}
	case "col":
		return l.index%l.cols + 1
	case "col0":
		return l.index % l.cols
	case "row":
		return l.index/l.cols + 1
	case "col_first":
		return l.index%l.cols == 0
	case "col_last":
		return l.index%l.cols == l.cols-1 || l.index == l.length-1
	}
	return nil
}

// elements returns what a loop goes over: the items of a list or range, the pairs of an object, a text as one item.
func (r *run) elements(v any, tag string) (n int, at func(int) any) {
	switch v := v.(type) {
	case nil, emptyWord, blankWord:
		return 0, nil
	case []any:
		return len(v), func(i int) any { return known(v[i]) }
	case interval:
		return v.Len(), func(i int) any { return v.from + i }
	case map[string]any:
		list := pairs(v)
		return len(list), func(i int) any { return list[i] }
	case specimen:
		return 2, func(int) any { return v }
	case string, Markup:
		if toText(v) == "" {
			return 0, nil
		}
		return 1, func(int) any { return v }
	}
	r.note(r.at, tag, "%s is no list: the loop does not run", kindOf(v))
	return 0, nil
}

// whole returns a limit, an offset or a number of columns.
func (r *run) whole(e expression, what string) (n int, ok bool) {
	if e == nil {
		return 0, false
	}
	v := e.value(r)
	if v == nil {
		return 0, false
	}
	if n, ok = toWhole(v); !ok {
		r.note(r.at, what, "%s is no whole number: it is not used", kindOf(v))
	}
	return n, ok
}

func (l *each) render(r *run) flow {
	tag := "for"
	if l.row {
		tag = "tablerow"
	}
	n, at := r.elements(l.list.value(r), tag)
	start, end := 0, n
	if l.resume {
		start = min(r.resumes[l.key], n)
	} else if offset, ok := r.whole(l.offset, "offset"); ok {
		start = max(0, min(offset, n))
	}
	if limit, ok := r.whole(l.limit, "limit"); ok {
		end = min(end, start+max(0, limit))
	}
	if r.resumes == nil {
		r.resumes = map[string]int{}
	}
	r.resumes[l.key] = end
	cols, ok := r.whole(l.cols, "cols")
	if !ok || cols < 1 {
		cols = max(1, end-start)
	}
	if start >= end {
		if l.row {
			return r.write("<tr class=\"row1\">\n</tr>\n")
		}
		return r.all(l.otherwise)
	}
	name := "forloop"
	if l.row {
		name = "tablerowloop"
	}
	state := &loop{length: end - start, cols: cols, parent: r.loop}
	if r.locals == nil {
		r.locals, r.held = map[string]any{}, map[string]int{}
	}
	outer, had := r.locals[l.name]
	outerLoop, hadLoop := r.locals[name]
	defer func() {
		r.loop = state.parent
		restore(r.locals, l.name, outer, had)
		restore(r.locals, name, outerLoop, hadLoop)
	}()
	r.locals[name], r.loop = state, state
	for i := start; i < end; i++ {
		if r.turns++; r.turns > maxTurns {
			return r.stop(errLoops)
		}
		if r.turns%64 == 0 && r.ctx.Err() != nil {
			return r.stop(errTime)
		}
		place := i
		if l.reversed {
			place = start + end - 1 - i
		}
		state.index = i - start
		r.locals[l.name] = at(place)
		f := l.turn(r, state)
		if f == stopped {
			return f
		}
		if f == breaks {
			break
		}
	}
	if l.row {
		return r.write("</tr>\n")
	}
	return onward
}

// turn renders the body once. A table's row begins and ends with its cells.
func (l *each) turn(r *run, state *loop) flow {
	if !l.row {
		return r.all(l.body)
	}
	col := state.index % state.cols
	switch {
	case state.index == 0:
		r.write("<tr class=\"row1\">\n")
	case col == 0:
		r.write("</tr>\n<tr class=\"row" + strconv.Itoa(state.index/state.cols+1) + "\">")
	}
	r.write("<td class=\"col" + strconv.Itoa(col+1) + "\">")
	f := r.all(l.body)
	if r.write("</td>") == stopped {
		return stopped
	}
	return f
}

// restore gives a variable the value that it had before a loop.
func restore(m map[string]any, name string, v any, had bool) {
	if had {
		m[name] = v
	} else {
		delete(m, name)
	}
}

func (p *parser) cycle(t token) node {
	e := p.expression(t.from, t.to)
	out := &cycle{}
	first := e.primary()
	group := ""
	if e.token.kind == ':' {
		e.advance()
		group = fmt.Sprint(first)
		first = e.primary()
	}
	out.values = append(out.values, first)
	for e.token.kind == ',' {
		e.advance()
		out.values = append(out.values, e.primary())
	}
	e.done()
	if out.key = group; group == "" {
		out.key = strings.TrimSpace(p.source[t.from:t.to])
	}
	return out
}
