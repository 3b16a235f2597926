package gallery

import (
	"regexp"
	"slices"
	"strings"
)

// read is a value that a template reads. Sample customers get one there. It is found by the look of the template: what is missed is
// empty in the sample.
type read struct {
	path   []string // the name and what follows it; element for an element of a list
	filter string   // the first filter that takes it; empty: none
	list   bool     // a loop walks it, or a filter takes it as a list
}

// element is the part of a path after a list.
const element = "*"

var (
	markup   = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}`)
	quoted   = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	inQuotes = regexp.MustCompile(`\[\s*["']([\w -]+)["']\s*\]`)
	digits   = regexp.MustCompile(`\[\s*-?\d+\s*\]`)
	loops    = regexp.MustCompile(`\b(?:for|tablerow)\s+([\w-]+)\s+in\s+([\w.*-]+)`)
	assigns  = regexp.MustCompile(`\bassign\s+([\w-]+)\s*=\s*([\w.*-]+)`)
	paths    = regexp.MustCompile(`[A-Za-z_][\w-]*(?:\.[\w*-]+)+(?:\s*\|\s*(?:default\s*:[^|%}]*\|\s*)?(\w+))?`)
)

// takesList are the filters that take a list.
var takesList = strings.Fields(
	"join first last map where sort sort_natural uniq compact sum concat find reject has size")

// roots are the variables of templates that a sample has.
var roots = strings.Fields("customer data entry event intent steps vars")

// readsIn returns the values that a template reads: entry.items.*.name for item.name in {% for item in entry.items %}.
func readsIn(source string) []read {
	var out []read
	names := map[string][]string{} // variables of loops and of assign, with the paths they are of
	resolve := func(text string) []string {
		path := strings.Split(text, ".")
		if of, ok := names[path[0]]; ok {
			path = append(slices.Clone(of), path[1:]...)
		}
		if !slices.Contains(roots, path[0]) {
			return nil
		}
		return path
	}
	for _, tag := range markup.FindAllString(source, -1) {
		tag = digits.ReplaceAllString(inQuotes.ReplaceAllString(tag, ".$1"), "."+element)
		tag = quoted.ReplaceAllString(tag, "0")
		for _, m := range assigns.FindAllStringSubmatch(tag, -1) {
			if path := resolve(m[2]); path != nil {
				names[m[1]] = path
			}
		}
		for _, m := range loops.FindAllStringSubmatch(tag, -1) {
			if path := resolve(m[2]); path != nil {
				out = append(out, read{path: path, list: true})
				names[m[1]] = append(slices.Clone(path), element)
			}
		}
		for _, m := range paths.FindAllStringSubmatch(tag, -1) {
			text, _, _ := strings.Cut(m[0], "|")
			path := resolve(strings.TrimSpace(text))
			if path == nil {
				continue
			}
			r := read{path: path, filter: m[1], list: slices.Contains(takesList, m[1])}
			for i, part := range r.path {
				switch {
				case i > 0 && (part == "first" || part == "last"):
					r.path[i] = element
				case part == "size" && i == len(r.path)-1:
					r.path, r.list = r.path[:i], true
				}
			}
			out = append(out, r)
		}
	}
	return out
}
