package archtest

import (
	"fmt"
	"regexp"
	"strings"
)

// markers are words of translated English. Some are right now and then ("left behind"): the rule is a rate.
var markers = regexp.MustCompile(`(?i)\b(gives|given up|is what|are what|tells|told|brings|brought|behind|under way|anew|stands for|` +
	`says of|whoever|but for|for ever|the like|of its own accord|goes on|is had|what is (?:said|kept|left|due))\b`)

// maxMarkers is how many of them may come in a hundred lines.
const maxMarkers = 2

var commentLine = regexp.MustCompile(`(?:^|\s)//\s?(.*)`)

func commentBreaches(t *tree) []breach {
	lines, found := 0, []breach{}
	for name, s := range t.sources {
		if isTest(name) {
			continue
		}
		for i, line := range strings.Split(s.text, "\n") {
			m := commentLine.FindStringSubmatch(line)
			if m == nil || strings.HasPrefix(m[1], "go:") || strings.HasPrefix(m[1], "nolint") {
				continue
			}
			lines++
			found = append(found, marked(name, i, m[1])...)
		}
	}
	return rated(found, lines)
}

func proseBreaches(t *tree) []breach {
	lines, found := 0, []breach{}
	for name, text := range t.texts {
		if !strings.HasSuffix(name, ".md") && !strings.HasSuffix(name, ".html") || in(name, "docs/decisions") {
			continue
		}
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			lines++
			found = append(found, marked(name, i, line)...)
		}
	}
	return rated(found, lines)
}

func marked(name string, i int, line string) []breach {
	var out []breach
	for _, m := range markers.FindAllString(line, -1) {
		out = append(out, breach{fmt.Sprintf("%s:%d", name, i+1), fmt.Sprintf("reads as if translated: %q", m)})
	}
	return out
}

// rated returns what was found where there is too much of it.
func rated(found []breach, lines int) []breach {
	if len(found)*100 < maxMarkers*max(lines, 1) {
		return nil
	}
	return found
}
