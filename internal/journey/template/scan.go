package template

import (
	"fmt"
	"regexp"
	"strings"
)

// tokenKind is the kind of a token of a template.
type tokenKind int

const (
	textToken   tokenKind = iota
	outputToken           // {{ … }}
	tagToken              // {% … %}
)

// token is a piece of a template. Offsets count bytes of the source.
type token struct {
	kind tokenKind
	at   int    // of the mark
	text string // of a text, after white space control
	name string // of a tag
	from int    // of the expression, or of the tag's arguments
	to   int
}

// space is what white space control removes.
const space = " \t\r\n\f\v"

var (
	tagName = regexp.MustCompile(`^\s*(#|\w+)`)
	verbose = map[string]*regexp.Regexp{ // tags whose content is not read, and their ends
		"raw":     regexp.MustCompile(`\{%-?\s*endraw\s*-?%\}`),
		"comment": regexp.MustCompile(`\{%-?\s*(end)?comment\b[^%]*?%\}`),
		"doc":     regexp.MustCompile(`\{%-?\s*enddoc\s*-?%\}`),
	}
)

// scan splits a template into tokens.
func (p *parser) scan() {
	source := p.source
	trim := false // the mark before ended with -
	text := func(s string) {
		if trim {
			s = strings.TrimLeft(s, space)
		}
		if s != "" {
			p.tokens = append(p.tokens, token{kind: textToken, text: s})
		}
	}
	for at := 0; at < len(source); {
		next := strings.IndexByte(source[at:], '{')
		for next >= 0 && at+next+1 < len(source) && source[at+next+1] != '{' && source[at+next+1] != '%' {
			more := strings.IndexByte(source[at+next+1:], '{')
			if more < 0 {
				next = -1
				break
			}
			next += more + 1
		}
		if next < 0 || at+next+1 >= len(source) {
			text(source[at:])
			return
		}
		start := at + next
		kind, closing := outputToken, "}}"
		if source[start+1] == '%' {
			kind, closing = tagToken, "%}"
		}
		length := strings.Index(source[start+2:], closing)
		if length < 0 {
			p.report(start, "", "%q is never closed by %q", source[start:start+2], closing)
			return
		}
		from, to := start+2, start+2+length
		before := source[at:start]
		if strings.HasPrefix(source[from:to], "-") {
			from++
			before = strings.TrimRight(before, space)
		}
		text(before)
		at = to + 2
		if trim = to > from && source[to-1] == '-'; trim {
			to--
		}
		if kind == outputToken {
			p.tokens = append(p.tokens, token{kind: kind, at: start, from: from, to: to})
			continue
		}
		name := p.tag(start, from, to)
		if end := verbose[name]; end != nil {
			at = p.skip(name, end, start, at, &trim)
		}
	}
}

// tag adds the token of a tag, or of the lines of {% liquid %}, and returns its name.
func (p *parser) tag(start, from, to int) string {
	m := tagName.FindStringSubmatchIndex(p.source[from:to])
	if m == nil {
		p.report(start, "", "the tag has no name")
		return ""
	}
	name := p.source[from+m[2] : from+m[3]]
	from += m[3]
	switch {
	case name == "#" || verbose[name] != nil:
	case name == "liquid":
		for from < to {
			line := strings.IndexByte(p.source[from:to], '\n')
			if line < 0 {
				line = to - from
			}
			if strings.TrimSpace(p.source[from:from+line]) != "" {
				lead := len(p.source[from:from+line]) - len(strings.TrimLeft(p.source[from:from+line], " \t\r"))
				if inner := p.tag(from+lead, from, from+line); verbose[inner] != nil {
					p.report(from+lead, "", "{%% %s %%} cannot be used inside {%% liquid %%}", inner)
				}
			}
			from += line + 1
		}
	default:
		p.tokens = append(p.tokens, token{kind: tagToken, at: start, name: name, from: from, to: to})
	}
	return name
}

// skip adds the content of raw as text, passes over that of comment and doc, and returns where the template continues.
func (p *parser) skip(name string, end *regexp.Regexp, start, at int, trim *bool) int {
	depth, from := 1, at
	for {
		m := end.FindStringSubmatchIndex(p.source[at:])
		if m == nil {
			p.report(start, "", "{%% %s %%} is never closed by {%% end%s %%}", name, name)
			return len(p.source)
		}
		if name == "comment" && m[2] < 0 {
			depth++
			at += m[1]
			continue
		}
		depth--
		mark := p.source[at+m[0] : at+m[1]]
		stop := at + m[0]
		at += m[1]
		if depth > 0 {
			continue
		}
		if name == "raw" {
			content := p.source[from:stop]
			if *trim {
				content = strings.TrimLeft(content, space)
			}
			if strings.HasPrefix(mark, "{%-") {
				content = strings.TrimRight(content, space)
			}
			if content != "" {
				p.tokens = append(p.tokens, token{kind: textToken, text: content})
			}
		}
		*trim = strings.HasSuffix(mark, "-%}")
		return at
	}
}

// Problem is a fault of a template. Offset counts bytes; -1 means the whole template.
type Problem struct {
	Offset  int
	Code    string // of the diagnostic: bad-template, unless it is set
	Message string
	Hint    string
}

// reportFilter adds a problem of a filter or its arguments.
func (p *parser) reportFilter(offset int, hint, format string, args ...any) {
	readable := p.readable
	p.report(offset, hint, format, args...)
	p.readable = readable
}

// report adds a problem.
func (p *parser) report(offset int, hint, format string, args ...any) {
	before := p.source[:min(max(0, offset)+2, len(p.source))] // with the brackets of a tag that begins at the offset
	p.readable = min(p.readable, max(0, strings.LastIndex(before, "{{"), strings.LastIndex(before, "{%")))
	p.problems = append(p.problems, Problem{Offset: offset, Message: fmt.Sprintf(format, args...), Hint: hint})
}
