package template

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// blocks maps a tag that needs an end tag to the tags that divide its content.
var blocks = map[string][]string{
	"capture": nil, "case": {"when", "else"}, "comment": nil, "doc": nil, "for": {"else"}, "if": {"elsif", "else"}, "raw": nil,
	"tablerow": nil, "unless": {"elsif", "else"},
}

// tagNames are the tags a message may use.
var tagNames = strings.Fields(`
assign break capture case comment continue cycle decrement doc echo else elsif for if increment liquid raw render tablerow unless when`)

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	source   string
	body     []node
	Problems []Problem // faults; a template with faults cannot be rendered
	uses     []lookup
	renders  []*renderTag
	assigned map[string]bool // names that the template gives a value
}

// parser parses one template.
type parser struct {
	source   string
	html     bool
	tokens   []token
	next     int
	problems []Problem
	uses     []lookup
	renders  []*renderTag
	assigned map[string]bool
	depth    int
	calls    []*call
	mended   bool            // a fault of the tags was reported that explains later ones
	readable int             // in bytes, up to the first tag with a fault of the syntax: names after may be missing, or not be names
	clocks   map[string]bool // variables that hold "now" or "today"
}

// maxTemplate bounds a template, in bytes; maxDepth how deep blocks may nest.
const (
	maxTemplate = 256 << 10
	maxDepth    = 100
)

// Parse parses a template. With html, inserted values are escaped.
func Parse(source string, html bool) *Template {
	t, _ := parse(source, html)
	return t
}

func parse(source string, html bool) (*Template, *parser) {
	p := &parser{source: source, html: html, readable: len(source), clocks: map[string]bool{}}
	p.assigned = map[string]bool{"forloop": true, "tablerowloop": true}
	if len(source) > maxTemplate {
		p.report(-1, "", "the template is larger than %d KiB", maxTemplate>>10)
		return &Template{Problems: p.problems}, p
	}
	p.scan()
	body, _ := p.nodes(nil)
	return &Template{source: source, body: body, Problems: p.problems, uses: p.uses, renders: p.renders, assigned: p.assigned}, p
}

// nodes parses up to the tag that ends the open block, or to one that divides it, and returns that tag.
func (p *parser) nodes(open *token) (body []node, stop token) {
	for p.next < len(p.tokens) {
		t := p.tokens[p.next]
		p.next++
		switch t.kind {
		case textToken:
			body = append(body, text(t.text))
		case outputToken:
			e := p.expression(t.from, t.to)
			if e.token.kind == 0 && !e.failed {
				p.report(t.at, "", "there is nothing between {{ and }}")
				continue
			}
			out := output{at: t.at, value: e.condition()}
			e.done()
			body = append(body, out)
		case tagToken:
			if p.stops(t, open) {
				return body, t
			}
			if n := p.tagNode(t); n != nil {
				body = append(body, placed{t.at, n})
			}
		}
	}
	if open != nil && !p.mended {
		p.report(open.at, "", "{%% %s %%} is never closed by {%% end%s %%}", open.name, open.name)
	}
	return body, token{}
}

// stops reports whether a tag ends or divides the open block.
func (p *parser) stops(t token, open *token) bool {
	if open == nil {
		return false
	}
	if t.name == "end"+open.name {
		return true
	}
	for _, clause := range blocks[open.name] {
		if clause == t.name {
			return true
		}
	}
	return false
}

// tagNode parses a tag, with the block that it opens; nil if it leaves nothing to render.
func (p *parser) tagNode(t token) node {
	if _, block := blocks[t.name]; block {
		if p.depth++; p.depth > maxDepth {
			if p.depth == maxDepth+1 {
				p.report(t.at, "", "the tags nest deeper than %d", maxDepth)
			}
			p.next = len(p.tokens)
			return nil
		}
		defer func() { p.depth-- }()
	}
	switch t.name {
	case "assign":
		return p.assign(t)
	case "capture":
		return p.capture(t)
	case "case":
		return p.caseNode(t)
	case "for", "tablerow":
		return p.loopNode(t)
	case "if", "unless":
		return p.ifNode(t)
	case "cycle":
		return p.cycle(t)
	case "echo":
		e := p.expression(t.from, t.to)
		out := output{at: t.at, value: e.condition()}
		e.done()
		return out
	case "break", "continue":
		p.expression(t.from, t.to).done()
		return jump(t.name)
	case "increment", "decrement":
		if name, ok := p.name(t); ok {
			p.assigned[name] = true
			return counter{name, t.name == "increment"}
		}
		return nil
	case "render":
		return p.render(t)
	case "include", "section":
		p.report(t.at, "render", "there is no tag %q: a block is inserted by {%% render \"name\" %%}", t.name)
		return nil
	case "layout":
		p.report(t.at, "", "there is no tag %q: the key layout of a mail names its layout", t.name)
		return nil
	}
	name, end := strings.CutPrefix(t.name, "end")
	_, closes := blocks[name]
	inside := p.inside()
	switch {
	case end && closes && p.mended:
	case end && closes && inside == "":
		p.report(t.at, "", "{%% %s %%} ends no {%% %s %%}", t.name, name)
	case end && closes:
		p.report(t.at, "", "{%% %s %%} must come after {%% end%s %%}", t.name, inside)
		p.mended = true
	case t.name == "else" || t.name == "elsif" || t.name == "when":
		var in []string
		for _, block := range []string{"if", "unless", "case", "for"} {
			for _, clause := range blocks[block] {
				if clause == t.name {
					in = append(in, block)
				}
			}
		}
		p.report(t.at, "", "{%% %s %%} belongs inside one of: %s", t.name, human.Join(in))
	default:
		p.report(t.at, human.Suggest(t.name, tagNames), "there is no tag %q", t.name)
		p.mended = true
	}
	return nil
}

// inside returns the name of the innermost open block before the tag that was read last.
func (p *parser) inside() string {
	var open []string
	for _, t := range p.tokens[:p.next-1] {
		if t.kind != tagToken {
			continue
		}
		if _, block := blocks[t.name]; block {
			open = append(open, t.name)
		} else if name, end := strings.CutPrefix(t.name, "end"); end && len(open) > 0 && open[len(open)-1] == name {
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return ""
	}
	return open[len(open)-1]
}

// name reads the single name that is the argument of a tag.
func (p *parser) name(t token) (string, bool) {
	e := p.expression(t.from, t.to)
	name := e.token.text
	if e.token.kind != 'i' && e.token.kind != 's' {
		e.fail(t.at, "", "{%% %s %%} needs the name of a variable", t.name)
		return "", false
	}
	if e.token.kind == 's' {
		name = unquote(name)
	}
	e.advance()
	e.done()
	return name, !e.failed
}

func (p *parser) assign(t token) node {
	e := p.expression(t.from, t.to)
	name := e.token
	if name.kind != 'i' {
		e.fail(t.at, "", "{%% assign %%} needs the name of a variable: {%% assign name = value %%}")
		return nil
	}
	e.advance()
	if e.token.kind == '.' || e.token.kind == '[' {
		e.fail(e.token.at, "", "only a variable of the template can be assigned: choose a name without a point")
		return nil
	}
	if e.token.kind != '=' {
		e.fail(e.token.at, "", "a = is missing after the name: {%% assign name = value %%}")
		return nil
	}
	e.advance()
	value := e.condition()
	e.done()
	p.assigned[name.text] = true
	if _, is := p.clockWord(value); is {
		p.clocks[name.text] = true
	}
	return assignment{name.text, value}
}

func (p *parser) capture(t token) node {
	name, _ := p.name(t)
	p.assigned[name] = true
	body, _ := p.nodes(&t)
	return capture{name, body}
}

// condition reads the condition of a tag.
func (p *parser) condition(t token) expression {
	e := p.expression(t.from, t.to)
	if e.token.kind == 0 && !e.failed {
		e.fail(t.at, "", "{%% %s %%} needs a condition", t.name)
	}
	c := e.condition()
	e.done()
	return c
}

func (p *parser) ifNode(t token) node {
	var out choice
	first := branch{when: p.condition(t), not: t.name == "unless"}
	for {
		body, stop := p.nodes(&t)
		first.body = body
		out = append(out, first)
		switch stop.name {
		case "elsif":
			first = branch{when: p.condition(stop)}
		case "else":
			first = branch{when: literal{v: true}}
			if e := p.expression(stop.from, stop.to); e.token.kind != 0 || e.failed {
				e.fail(stop.at, "elsif", "{%% else %%} has no condition: write {%% elsif … %%}")
			}
		default:
			return out
		}
	}
}

func (p *parser) caseNode(t token) node {
	out := caseOf{value: p.condition(t)}
	_, stop := p.nodes(&t) // what comes before the first when is not shown
	for {
		var clause caseClause
		switch stop.name {
		case "when":
			e := p.expression(stop.from, stop.to)
			for {
				clause.values = append(clause.values, e.primary())
				if e.token.kind != ',' && (e.token.kind != 'i' || e.token.text != "or") {
					break
				}
				e.advance()
			}
			e.done()
		case "else":
			clause.other = true
		default:
			return out
		}
		clause.body, stop = p.nodes(&t)
		out.clauses = append(out.clauses, clause)
	}
}

// loopNode parses for and tablerow.
func (p *parser) loopNode(t token) node {
	e := p.expression(t.from, t.to)
	out := &each{row: t.name == "tablerow"}
	if e.token.kind != 'i' {
		e.fail(t.at, "", "{%% %s %%} needs a name and a list: {%% %s item in list %%}", t.name, t.name)
	}
	out.name = e.token.text
	e.advance()
	if !e.failed && !e.word("in") {
		e.fail(e.token.at, "", "%q is missing: {%% %s item in list %%}", "in", t.name)
	}
	out.list = e.pipeline()
	out.key = strings.TrimSpace(p.source[t.from:e.token.at])
	for e.token.kind == 'i' || e.token.kind == ',' {
		word := e.token
		e.advance()
		switch {
		case word.kind == ',':
			continue
		case word.text == "reversed":
			out.reversed = true
			continue
		case e.token.kind != ':':
			e.fail(word.at, human.Suggest(word.text, []string{"limit", "offset", "reversed", "cols"}),
				"{%% %s %%} takes limit:, offset: and reversed, not %q", t.name, word.text)
			continue
		}
		e.advance()
		if word.text == "offset" && e.token.kind == 'i' && e.token.text == "continue" {
			e.advance()
			out.resume = true
			continue
		}
		value := e.primary()
		switch {
		case word.text == "limit":
			out.limit = value
		case word.text == "offset":
			out.offset = value
		case word.text == "cols" && out.row:
			out.cols = value
		default:
			e.fail(word.at, human.Suggest(word.text, []string{"limit", "offset"}),
				"{%% %s %%} takes limit:, offset: and reversed, not %q", t.name, word.text)
		}
		if l, ok := value.(literal); ok {
			if _, whole := toWhole(l.v); !whole {
				e.fail(l.at, "", "%s needs a whole number", word.text)
			}
		}
	}
	e.done()
	p.assigned[out.name] = true
	var stop token
	out.body, stop = p.nodes(&t)
	for stop.name == "else" {
		out.otherwise, stop = p.nodes(&t)
	}
	return out
}
