package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/osteele/liquid"

	"github.com/tabi-journeys/tabi/internal/human"
)

// maxTemplate bounds a template, in bytes.
const maxTemplate = 256 << 10

var liquidEngines = sync.OnceValue(func() map[bool]*liquid.Engine {
	return map[bool]*liquid.Engine{false: NewEngine(false), true: NewEngine(true)}
})

var (
	liquidMark = regexp.MustCompile(`\{\{-?|\{%-?\s*(\w*)`)
	filterName = regexp.MustCompile(`\|\s*([A-Za-z_]\w*)`)
	liquidText = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	clockText  = regexp.MustCompile(
		`(?i)(?:"\s*(?:now|today)\s*"|'\s*(?:now|today)\s*')` +
			`((?:\s*\|\s*(?:upcase|downcase|capitalize|strip|lstrip|rstrip))*\s*\|\s*date\b)?`,
	)
	assignment = regexp.MustCompile(`^\s*assign\s+(\w+)\s*=\s*$`)
	clockUse   = regexp.MustCompile(`\b(\w+)\s*\|\s*date\b`)
	liquidTail = regexp.MustCompile(`(?s)^Liquid error(?: \(line \d+\))?: (.*?)(?: in .*)?$`)
)

// Problem is a fault of a template. Offset counts bytes; -1 means the whole template.
type Problem struct {
	Offset  int
	Message string
	Hint    string
}

// checker collects the problems of one template.
type checker struct {
	source   string
	html     bool
	problems []Problem
}

func (c *checker) report(offset int, hint, format string, args ...any) {
	c.problems = append(c.problems, Problem{Offset: offset, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Check returns the problems of a Liquid template in the order in which they were found. With html, inserted values are
// escaped.
func Check(source string, html bool) []Problem {
	c := &checker{source: source, html: html}
	c.check()
	return c.problems
}

func (c *checker) check() {
	source, html := c.source, c.html
	if len(source) > maxTemplate {
		c.report(-1, "", "the template is larger than %d KiB", maxTemplate>>10)
		return
	}
	if c.marks() {
		return
	}
	message, line := parseLiquid(source, html)
	if message == "" {
		return
	}
	if offset, message, hint := templateFault(source, html); message != "" {
		c.report(offset, hint, "%s", message)
		return
	}
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(source[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	if mark := liquidMark.FindStringIndex(source[offset:]); mark != nil {
		offset += mark[0]
	}
	c.report(offset, "", "%s", message)
}

// parseLiquid returns the parser's message and line, or "".
func parseLiquid(source string, html bool) (message string, line int) {
	defer func() {
		if r := recover(); r != nil {
			message, line = "this is not valid Liquid", 1
		}
	}()
	_, err := liquidEngines()[html].ParseTemplateLocation([]byte(source), "", 1)
	if err == nil {
		return "", 0
	}
	message = err.Error()
	if m := liquidTail.FindStringSubmatch(message); m != nil {
		message = m[1]
	}
	return message, max(err.LineNumber(), 1)
}

// marks reports what the parser accepts or explains badly: unclosed marks, and tags and filters that do not exist.
func (c *checker) marks() bool {
	source := c.source
	found := false
	clocks := map[string]bool{} // variables assigned from "now" or "today"
	skip := ""                  // inside raw or comment: up to its end tag
	for offset := 0; offset < len(source); {
		mark := liquidMark.FindStringSubmatchIndex(source[offset:])
		if mark == nil {
			break
		}
		start, inner := offset+mark[0], offset+mark[1]
		object := source[start+1] == '{'
		closing := "%}"
		if object {
			closing = "}}"
		}
		end := strings.Index(source[inner:], closing)
		tag := ""
		if mark[2] >= 0 {
			tag = source[offset+mark[2] : offset+mark[3]]
		}
		switch {
		case skip != "":
			if tag == skip {
				skip = ""
			}
			offset = inner
			continue
		case end < 0:
			c.report(start, "", "%q is never closed by %q", source[start:start+2], closing)
			return true
		case tag == "raw" || tag == "comment":
			skip = "end" + tag
		case tag == "include" || tag == "render":
			c.report(start, "", "a message cannot %s another file", tag)
			found = true
		}
		found = c.filters(inner, inner+end) || found
		found = c.clock(start+2, inner+end, clocks) || found
		offset = inner + end + 2
	}
	return found
}

// filters checks the filters between two marks.
func (c *checker) filters(from, to int) bool {
	source, html := c.source, c.html
	found := false
	body := liquidText.ReplaceAllStringFunc(source[from:to], func(text string) string { return strings.Repeat(" ", len(text)) })
	for _, m := range filterName.FindAllStringSubmatchIndex(body, -1) {
		name := body[m[2]:m[3]]
		switch {
		case name == "safe" && html:
			c.report(from+m[2], "", "everything inserted into html is escaped; there is no filter safe")
		case !slices.Contains(liquidFilters, name):
			c.report(from+m[2], human.Suggest(name, liquidFilters), "there is no filter %q", name)
		default:
			continue
		}
		found = true
	}
	return found
}

// clock reports the filter date on "now" and "today", which read the wall clock in other Liquids and fail in this one.
// clocks holds the variables assigned from them.
func (c *checker) clock(from, to int, clocks map[string]bool) bool {
	const words = "write {{ now | date: … }} without quotes: now is a variable"
	found, body := false, c.source[from:to]
	for _, m := range clockText.FindAllStringSubmatchIndex(body, -1) {
		if m[2] >= 0 {
			c.report(from+m[0], "", words)
			found = true
		} else if name := assignment.FindStringSubmatch(strings.TrimPrefix(body[:m[0]], "-")); name != nil &&
			strings.Trim(body[m[1]:], " \t\n-") == "" {
			clocks[name[1]] = true
		}
	}
	for _, m := range clockUse.FindAllStringSubmatchIndex(body, -1) {
		if clocks[body[m[2]:m[3]]] {
			c.report(from+m[2], "", words)
			found = true
		}
	}
	return found
}
