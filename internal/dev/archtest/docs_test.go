package archtest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	fencedBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	docLink     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	linkText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notInAnchor = regexp.MustCompile(`[^\pL\pN_\- ]`)
)

// anchors returns those of a page's headings, as GitHub makes them.
func anchors(page string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(page, ""), -1) {
		text := strings.ToLower(strings.TrimSpace(linkText.ReplaceAllString(m[1], "$1")))
		out = append(out, strings.ReplaceAll(notInAnchor.ReplaceAllString(text, ""), " ", "-"))
	}
	return out
}

// linkBreaches finds links between files of the repository that lead to no file or no heading.
func linkBreaches(t *tree) []breach {
	var out []breach
	for name, text := range t.texts {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range docLink.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			target := name
			if to != "" {
				target = path.Join(path.Dir(name), to)
			}
			page, known := t.texts[target]
			switch {
			case !known && !t.exists(target):
				out = append(out, breach{name, "the link " + m[1] + " leads to no file"})
			case anchor != "" && known && !slices.Contains(anchors(page), anchor):
				out = append(out, breach{name, "the link " + m[1] + " leads to no heading"})
			}
		}
	}
	return out
}

// exists reports whether the repository has a file or folder that the tree does not hold as text.
func (t *tree) exists(name string) bool {
	if t.dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(t.dir, filepath.FromSlash(name)))
	return err == nil
}

// proseWidths finds lines of Markdown that are too long. Tables, code and what tests generate cannot be wrapped.
func proseWidths(t *tree) []breach {
	var out []breach
	for name, text := range t.texts {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		code, generated := false, false
		for i, line := range strings.Split(text, "\n") {
			trimmed := strings.TrimSpace(line)
			switch {
			case strings.HasPrefix(trimmed, "```"):
				code = !code
			case strings.HasPrefix(trimmed, "<!-- /"):
				generated = false
			case strings.HasPrefix(trimmed, "<!-- "):
				generated = true
			}
			if n := utf8.RuneCountInString(line); n > maxColumns && !code && !generated && !strings.HasPrefix(line, "|") {
				out = append(out, breach{fmt.Sprintf("%s:%d", name, i+1), fmt.Sprintf("%d columns: wrap the text", n)})
			}
		}
	}
	return out
}

// builtInEvent matches the name of an event that tabi makes or knows.
var builtInEvent = regexp.MustCompile(
	`"((?:Email|Push|Page|Screen|Group|Journey|Customer|Message)(?: [A-Za-z]+)* (?:[A-Z][a-z]*ed|Spam)|Unsubscribed)"`,
)

// eventBreaches finds built-in events that docs/events.md does not describe.
func eventBreaches(t *tree) []breach {
	var out []breach
	for name, s := range t.sources {
		if isTest(name) || in(name, "internal/dev") {
			continue
		}
		for _, m := range builtInEvent.FindAllStringSubmatch(s.text, -1) {
			if !strings.Contains(t.texts["docs/events.md"], "`"+m[1]+"`") {
				out = append(out, breach{name, "the event " + m[1] + " is not in docs/events.md"})
			}
		}
	}
	return out
}

var (
	testName = regexp.MustCompile("`(Test[A-Z][A-Za-z]+)`")
	setting  = regexp.MustCompile(`\bTABI_[A-Z_]+\b`)
)

// nameBreaches finds tests and settings that docs name and the code does not have. The changelog names old ones.
func nameBreaches(t *tree) []breach {
	tests, settings := map[string]bool{}, map[string]bool{}
	for name, s := range t.sources {
		if isTest(name) {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(s.text, -1) {
				tests[m[1]] = true
			}
		}
		for _, m := range setting.FindAllString(s.text, -1) {
			settings[m] = true
		}
	}
	var out []breach
	for name, text := range t.texts {
		if !strings.HasSuffix(name, ".md") || name == "CHANGELOG.md" {
			continue
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				out = append(out, breach{name, "there is no test " + m[1]})
			}
		}
		for _, m := range setting.FindAllString(text, -1) {
			if !settings[m] {
				out = append(out, breach{name, "there is no setting " + m})
			}
		}
	}
	return out
}
