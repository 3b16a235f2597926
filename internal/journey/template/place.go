package template

import (
	"fmt"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// liquidBlocks maps a tag that needs an end tag to the tags allowed inside it.
var liquidBlocks = map[string][]string{
	"capture": nil, "case": {"when", "else"}, "comment": nil, "for": {"else"}, "if": {"elsif", "else"}, "raw": nil,
	"tablerow": nil, "unless": {"elsif", "else"},
}

// liquidTags are the tags a message may use.
var liquidTags = strings.Fields("assign break capture case comment continue cycle else elsif for if raw tablerow unless when")

// templateFault returns the offset of the mark that makes a template invalid; the parser reports only its line. The
// message is empty if every mark is valid on its own.
func templateFault(source string, html bool) (offset int, message, hint string) {
	type block struct {
		tag    string
		offset int
	}
	var open []block
	for offset < len(source) {
		mark := liquidMark.FindStringSubmatchIndex(source[offset:])
		if mark == nil {
			break
		}
		start, inner := offset+mark[0], offset+mark[1]
		closing, tag := "}}", ""
		if mark[2] >= 0 {
			closing, tag = "%}", source[offset+mark[2]:offset+mark[3]]
		}
		length := strings.Index(source[inner:], closing)
		if length < 0 {
			return 0, "", ""
		}
		offset = inner + length + len(closing)
		whole, inside := source[start:offset], ""
		if len(open) > 0 {
			inside = open[len(open)-1].tag
		}
		if inside == "raw" || inside == "comment" { // only the end tag counts
			if tag == "end"+inside {
				open = open[:len(open)-1]
			}
			continue
		}
		message, hint = "", ""
		name, end := strings.CutPrefix(tag, "end")
		between, known := liquidBlocks[tag]
		_, closes := liquidBlocks[name]
		switch {
		case closing == "}}":
			message = badMark(whole, html)
		case end && closes && inside == name:
			open = open[:len(open)-1]
		case end && closes && inside == "":
			message = fmt.Sprintf("{%% %s %%} ends no {%% %s %%}", tag, name)
		case end && closes:
			message = fmt.Sprintf("{%% %s %%} must come after {%% end%s %%}", tag, inside)
		case known:
			open = append(open, block{tag, start})
			message = badMark(whole+betweenFor(between)+"{% end"+tag+" %}", html)
		case tag == "else" || tag == "elsif" || tag == "when":
			message = badClause(whole, tag, inside, html)
		default:
			if message = badMark(whole, html); strings.HasPrefix(message, "undefined tag") {
				message, hint = fmt.Sprintf("there is no tag %q", tag), human.Suggest(tag, liquidTags)
			}
		}
		if message != "" {
			return start, message, hint
		}
	}
	if len(open) == 0 {
		return 0, "", ""
	}
	last := open[len(open)-1]
	return last.offset, fmt.Sprintf("{%% %s %%} is never closed by {%% end%s %%}", last.tag, last.tag), ""
}

// badMark returns the parser's message on a piece of a template, or "".
func badMark(piece string, html bool) string {
	message, _ := parseLiquid(piece, html)
	if message == "syntax error" {
		return "this is not valid Liquid"
	}
	return message
}

// betweenFor returns the content that makes a block valid if it must not be empty.
func betweenFor(clauses []string) string {
	if len(clauses) > 0 && clauses[0] == "when" {
		return "{% when 1 %}"
	}
	return ""
}

// badClause checks a tag inside a block.
func badClause(whole, tag, inside string, html bool) string {
	var blocks []string
	for _, name := range []string{"if", "unless", "case", "for"} {
		for _, clause := range liquidBlocks[name] {
			if clause != tag {
				continue
			}
			if name == inside {
				return badMark(blockHead[name]+whole+"{% end"+name+" %}", html)
			}
			blocks = append(blocks, name)
		}
	}
	return fmt.Sprintf("{%% %s %%} belongs inside one of: %s", tag, human.Join(blocks))
}

// blockHead is the opening tag used to check a clause on its own.
var blockHead = map[string]string{
	"if":     "{% if true %}",
	"unless": "{% unless true %}",
	"case":   "{% case 1 %}{% when 1 %}",
	"for":    "{% for i in (1..2) %}",
}
