package expr

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// dashed matches a name with hyphens after a dot, which CEL reads as a subtraction.
var dashed = regexp.MustCompile(`\b(customer|entry|event|vars|steps|intent)\.([A-Za-z_]\w*(?:-[A-Za-z_]\w*)+)`)

// dashIssues replaces the issues that such a subtraction causes by one that says how to write the name.
func dashIssues(source string, issues []Issue) []Issue {
	for _, m := range dashed.FindAllStringSubmatchIndex(source, -1) {
		root, name := source[m[2]:m[3]], source[m[4]:m[5]]
		from, to := utf8.RuneCountInString(source[:m[0]]), utf8.RuneCountInString(source[:m[1]])
		first, stray := -1, false
		var rest []Issue
		for _, issue := range issues {
			if issue.Offset < from || issue.Offset >= to {
				rest = append(rest, issue)
				continue
			}
			stray = stray || strings.HasPrefix(issue.Message, "there is no variable")
			if first < 0 || issue.Offset < first {
				first = issue.Offset
			}
		}
		if !stray {
			continue
		}
		hint := fmt.Sprintf("%s[%q]", root, name)
		if root == "steps" || root == "intent" {
			hint = root + "." + strings.ReplaceAll(name, "-", "_")
		}
		issues = append(rest, Issue{Offset: first, Message: "a hyphen is a minus in an expression", Hint: hint})
	}
	return issues
}
