package journey

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// dashed is a name with hyphens behind a dot, which CEL reads as a subtraction.
var dashed = regexp.MustCompile(`\b(customer|entry|event|vars|steps|intent)\.([A-Za-z_]\w*(?:-[A-Za-z_]\w*)+)`)

// dashIssues puts one issue, which says how the name is written, in the place of those that the subtraction
// brings about.
func dashIssues(source string, issues []exprIssue) []exprIssue {
	for _, m := range dashed.FindAllStringSubmatchIndex(source, -1) {
		root, name := source[m[2]:m[3]], source[m[4]:m[5]]
		from, to := utf8.RuneCountInString(source[:m[0]]), utf8.RuneCountInString(source[:m[1]])
		first, stray := -1, false
		var rest []exprIssue
		for _, issue := range issues {
			if issue.offset < from || issue.offset >= to {
				rest = append(rest, issue)
				continue
			}
			stray = stray || strings.HasPrefix(issue.message, "there is no variable")
			if first < 0 || issue.offset < first {
				first = issue.offset
			}
		}
		if !stray {
			continue
		}
		hint := fmt.Sprintf("%s[%q]", root, name)
		if root == "steps" || root == "intent" {
			hint = root + "." + strings.ReplaceAll(name, "-", "_")
		}
		issues = append(rest, exprIssue{offset: first, message: "a hyphen is a minus in an expression", hint: hint})
	}
	return issues
}

// cutAtHash reports whether an expression that could not be parsed ends within a text or too early because YAML
// took the rest of its line for a comment.
func (f *fileCheck) cutAtHash(n *node, issue exprIssue) bool {
	if runes := []rune(n.text); !issue.syntax || issue.offset < len(runes) && !strings.ContainsRune(`"'`, runes[issue.offset]) {
		return false
	}
	if n.quoted || n.pos.line < 1 || n.pos.line > len(f.src.lines) {
		return false
	}
	line, text := f.src.lines[n.pos.line-1], []rune(n.text)
	start := n.pos.col - 1
	if start < 0 || start+len(text) > len(line) || string(line[start:start+len(text)]) != n.text {
		return false
	}
	rest := string(line[start+len(text):])
	return strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#")
}
