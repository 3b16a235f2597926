package mjml

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// holder begins the words that stand in for Liquid while MJML is compiled: a < or a quote of Liquid would end MJML's own.
const holder = "tabiliquid"

var (
	liquid  = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}`)
	holders = regexp.MustCompile(holder + `(\d+)x`)
	numbers = regexp.MustCompile(`\bNaN\b`)
)

// document is a source, made ready for the compiler.
type document struct {
	source   string
	text     string   // what is compiled
	marks    []string // the Liquid of the source, by the numbers of holders
	at       []int    // the offsets of marks
	steps    []step
	root     int // the offset of the first tag
	problems []Problem
}

// step says where a piece of the text is from.
type step struct{ text, source int }

// Elements of MJML whose content is components, and those whose content is HTML or text. Others have no content.
var (
	structural = strings.Fields(`mjml mj-head mj-body mj-section mj-column mj-wrapper mj-group mj-hero mj-navbar mj-social mj-accordion
mj-accordion-element mj-carousel mj-attributes mj-html-attributes mj-selector`)
	ending = strings.Fields(`mj-text mj-button mj-raw mj-table mj-style mj-title mj-preview mj-accordion-title mj-accordion-text
mj-navbar-link mj-social-element mj-html-attribute`)
)

// prepare replaces Liquid by holders, puts what is between components into mj-raw, and reports tags that do not match.
func prepare(source string) *document {
	d := &document{source: source}
	held := d.hold()
	type open struct {
		name string
		at   int
	}
	var stack []open
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(held.text))
	inside := "" // the ending element that is open
	offset := 0
	for {
		kind := z.Next()
		raw := string(z.Raw())
		at := held.original(offset)
		if kind == html.ErrorToken {
			out.WriteString(raw)
			break
		}
		name := ""
		if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
			tag, _ := z.TagName()
			name = string(tag)
		}
		d.mark(out.Len(), offset, held, raw)
		switch {
		case inside != "":
			if kind == html.EndTagToken && name == inside {
				inside = ""
				stack = stack[:len(stack)-1]
			}
			out.WriteString(raw)
		case kind == html.TextToken && len(stack) > 0 && slices.Contains(structural, stack[len(stack)-1].name):
			d.between(&out, raw, offset, held, stack[len(stack)-1].name)
		case name == "mj-include":
			d.problem(at, "MJML of a message is one text: write {%% render \"block\" %%} in place of <mj-include>")
		case kind == html.StartTagToken && d.component(name):
			stack = append(stack, open{name, at})
			if slices.Contains(ending, name) {
				inside = name
			}
			out.WriteString(raw)
		case kind == html.EndTagToken && d.component(name):
			switch {
			case len(stack) == 0:
				d.problem(at, "</%s> closes nothing", name)
			case stack[len(stack)-1].name != name:
				d.problem(at, "</%s> comes before </%s>", name, stack[len(stack)-1].name)
				stack = nil
			default:
				stack = stack[:len(stack)-1]
			}
			out.WriteString(raw)
		default:
			out.WriteString(raw)
		}
		offset += len(raw)
		if len(d.problems) > 0 {
			return d
		}
	}
	if len(stack) > 0 {
		last := stack[len(stack)-1]
		d.problem(last.at, "<%s> is never closed by </%s>", last.name, last.name)
	}
	d.text = out.String()
	d.root = max(0, strings.IndexByte(source, '<'))
	return d
}

// component reports whether a tag is one of MJML.
func (*document) component(name string) bool { return name == "mjml" || strings.HasPrefix(name, "mj-") }

func (d *document) problem(at int, format string, args ...any) {
	d.problems = append(d.problems, Problem{at, fmt.Sprintf(format, args...)})
}

// held is the source with holders in place of Liquid.
type held struct {
	text  string
	steps []step
}

// original returns the offset in the source of an offset in the text.
func (h *held) original(offset int) int { return follow(h.steps, offset) }

func follow(steps []step, offset int) int {
	i, found := slices.BinarySearchFunc(steps, offset, func(s step, at int) int { return s.text - at })
	if !found {
		i--
	}
	if i < 0 {
		return offset
	}
	source := steps[i].source + offset - steps[i].text
	if i+1 < len(steps) {
		source = min(source, max(steps[i].source, steps[i+1].source-1))
	}
	return source
}

// hold replaces each mark of Liquid by a holder.
func (d *document) hold() *held {
	h := &held{}
	var out strings.Builder
	from := 0
	for i, m := range liquid.FindAllStringIndex(d.source, -1) {
		h.steps = append(h.steps, step{out.Len(), from})
		out.WriteString(d.source[from:m[0]])
		h.steps = append(h.steps, step{out.Len(), m[0]})
		out.WriteString(holder + strconv.Itoa(i) + "x")
		d.marks, d.at = append(d.marks, d.source[m[0]:m[1]]), append(d.at, m[0])
		from = m[1]
	}
	h.steps = append(h.steps, step{out.Len(), from})
	out.WriteString(d.source[from:])
	h.text = out.String()
	return h
}

// mark notes where a piece of the text is from: at its beginning, and at each holder within it.
func (d *document) mark(text, offset int, h *held, raw string) {
	d.steps = append(d.steps, step{text, h.original(offset)})
	for _, m := range holders.FindAllStringIndex(raw, -1) {
		for _, i := range m {
			if i > 0 && i < len(raw) {
				d.steps = append(d.steps, step{text + i, h.original(offset + i)})
			}
		}
	}
}

// between writes what is between components: Liquid comes into mj-raw, and text is a fault, since MJML would drop it.
func (d *document) between(out *strings.Builder, raw string, offset int, h *held, parent string) {
	rest := 0
	for _, m := range append(holders.FindAllStringIndex(raw, -1), []int{len(raw), len(raw)}) {
		text := raw[rest:m[0]]
		if trimmed := strings.TrimLeft(text, " \t\r\n"); trimmed != "" {
			d.problem(h.original(offset+rest+len(text)-len(trimmed)),
				"a text directly in <%s> is lost: put it into <mj-text>, or HTML into <mj-raw>", parent)
			return
		}
		out.WriteString(text)
		if m[0] < m[1] {
			out.WriteString("<mj-raw>")
			d.steps = append(d.steps, step{out.Len(), h.original(offset + m[0])})
			out.WriteString(raw[m[0]:m[1]] + "</mj-raw>")
			d.steps = append(d.steps, step{out.Len(), h.original(offset + m[1])})
		}
		rest = m[1]
	}
}

var attributeName = regexp.MustCompile(`^Attributes? ([\w-]+)`)

// place returns the offset in the source of an error of the compiler: of its attribute or tag in a line of the text.
func (d *document) place(line int, tag, message string) int {
	from := 0
	for n := 1; n < line; n++ {
		end := strings.IndexByte(d.text[from:], '\n')
		if end < 0 {
			break
		}
		from += end + 1
	}
	if line < 1 {
		return d.root
	}
	at := strings.Index(d.text[from:], "<"+tag)
	if tag == "" || at < 0 {
		return follow(d.steps, from)
	}
	at += from
	if m := attributeName.FindStringSubmatch(message); m != nil {
		end := strings.IndexByte(d.text[at:], '>')
		if end < 0 {
			end = len(d.text) - at
		}
		named := regexp.MustCompile(`\s` + regexp.QuoteMeta(m[1]) + `\s*=`).FindStringIndex(d.text[at : at+end])
		if named != nil {
			at += named[0] + 1
		}
	}
	return follow(d.steps, at)
}

// lost reports Liquid that is not in the HTML, and Liquid that MJML would have to compute with.
func (d *document) lost(out string) (problems []Problem) {
	kept := map[string]bool{}
	for _, m := range holders.FindAllStringSubmatch(out, -1) {
		kept[m[1]] = true
	}
	for i, at := range d.at {
		if !kept[strconv.Itoa(i)] {
			problems = append(problems, Problem{at, "MJML has no place for Liquid here, or computes with it: it would be lost"})
		}
	}
	if len(problems) == 0 && len(d.at) > 0 && numbers.MatchString(out) && !numbers.MatchString(d.source) {
		problems = append(problems, Problem{
			d.at[0], "a width, height, padding or border of MJML is a number when the message is published: it cannot come from Liquid",
		})
	}
	return problems
}

// restore puts the Liquid back.
func (d *document) restore(out string) string {
	return holders.ReplaceAllStringFunc(out, func(h string) string {
		n, err := strconv.Atoi(h[len(holder) : len(h)-1])
		if err != nil || n >= len(d.marks) {
			return h
		}
		return d.marks[n]
	})
}
