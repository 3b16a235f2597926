package template

import (
	"maps"
	"strings"
)

// renderTag is {% render "block", a: "x" %}. It inserts a block, which sees its parameters and the variables of every
// message (customer, entry, …), and nothing that the template around it has assigned.
type renderTag struct {
	at    int
	block Part
	args  []argument
	with  expression // the value of alias: of with, or each item of a list of for; nil: neither
	alias Part
	named bool // alias is written: as item
	each  bool
}

// contentName is the variable of a layout that holds what it frames.
const contentName = "content"

// params returns what the tag gives its block, by the places of the names.
func (t *renderTag) params() []Part {
	var out []Part
	if t.named {
		out = append(out, t.alias)
	}
	for _, a := range t.args {
		out = append(out, Part{a.at, a.name})
	}
	return out
}

// render parses the tag.
func (p *parser) render(t token) node {
	e := p.expression(t.from, t.to)
	if e.token.kind != 's' {
		e.fail(e.token.at, "", "{%% render %%} needs the name of a block in quotes: {%% render \"footer\" %%}")
		return nil
	}
	out := &renderTag{at: t.at, block: Part{e.token.at, unquote(e.token.text)}}
	e.advance()
	if e.token.kind == 'i' && (e.token.text == "for" || e.token.text == "with") && !e.colonNext() {
		out.each = e.token.text == "for"
		e.advance()
		out.with = e.primary()
		out.alias = Part{out.block.Offset, out.block.Text}
		if e.word("as") {
			if out.alias = (Part{e.token.at, e.token.text}); e.token.kind != 'i' {
				e.fail(e.token.at, "", "a name is missing after as")
			}
			out.named = true
			e.advance()
		}
	}
	for !e.failed && e.token.kind != 0 {
		if e.token.kind == ',' {
			e.advance()
		}
		name := e.token
		if name.kind != 'i' || !e.colonNext() {
			e.fail(name.at, "", "a parameter of a block is written with its name: {%% render \"footer\", brand: \"Hikari\" %%}")
			break
		}
		e.advance()
		e.advance()
		out.args = append(out.args, argument{at: name.at, name: name.text, value: e.primary()})
		if e.token.kind != ',' {
			break
		}
	}
	e.done()
	if e.failed {
		return nil
	}
	p.renders = append(p.renders, out)
	return out
}

// colonNext reports whether a colon follows the token.
func (e *exprParser) colonNext() bool {
	return strings.HasPrefix(strings.TrimLeft(e.source[e.next:e.to], space), ":")
}

func (t *renderTag) render(r *run) flow {
	var block *Template
	if r.Blocks != nil {
		block = r.Blocks(t.block.Text)
	}
	if block == nil || len(block.Problems) > 0 {
		r.note(t.at, "render", "there is no block %q: nothing is inserted", t.block.Text)
		return onward
	}
	given := make(map[string]any, len(t.args)+1)
	for _, a := range t.args {
		given[a.name] = a.value.value(r)
	}
	if r.err != nil {
		return stopped
	}
	file := "the block " + t.block.Text
	if t.with == nil {
		return r.inside(block, file, given, nil)
	}
	v := t.with.value(r)
	if !t.each {
		given[t.alias.Text] = v
		return r.inside(block, file, given, nil)
	}
	n, at := r.elements(v, "render")
	state := &loop{length: n, cols: max(1, n)}
	given["forloop"] = state
	for i := range n {
		if i%64 == 63 && r.ctx.Err() != nil {
			return r.stop(errTime)
		}
		state.index = i
		own := maps.Clone(given)
		own[t.alias.Text] = at(i)
		if r.inside(block, file, own, nil) == stopped {
			return stopped
		}
	}
	return onward
}

// frame renders a layout around what was rendered.
func (r *run) frame(layout *Template) {
	content := Markup(r.out.String())
	r.out = &strings.Builder{}
	r.inside(layout, "the layout", nil, content)
}

// inside renders a layout or a block. It has variables of its own: those given, and content in a layout.
func (r *run) inside(t *Template, file string, given map[string]any, content any) flow {
	if r.turns++; r.turns > maxTurns {
		return r.stop(errLoops)
	}
	if r.depth >= maxNested {
		return r.stop(errDepth)
	}
	outer := *r
	r.source, r.file, r.at, r.content, r.depth = t.source, file, 0, content, r.depth+1
	r.locals, r.held, r.counters, r.cycles, r.resumes, r.loop = given, map[string]int{}, nil, nil, nil, nil
	f := r.all(t.body)
	r.source, r.file, r.at, r.content, r.depth = outer.source, outer.file, outer.at, outer.content, outer.depth
	r.locals, r.held, r.heldSum = outer.locals, outer.held, outer.heldSum
	r.counters, r.cycles, r.resumes, r.loop = outer.counters, outer.cycles, outer.resumes, outer.loop
	if f == stopped {
		return stopped
	}
	return onward
}
