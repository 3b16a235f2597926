package source

import (
	"regexp"
	"strings"
)

// beginsKey matches a line that begins with a key of a block, as `steps:` or `- wait: 1h` does.
var beginsKey = regexp.MustCompile(`^\s*(- )*[A-Za-z_][\w-]*:(\s|$)`)

// opened is a bracket that is open, with the indentation of its line.
type opened struct {
	at     Pos
	close  rune
	indent int
}

// unclosed returns the place of a { or [ that is never closed: where a later line, indented no more than its own, begins
// with a key, or where the file ends, or where the other kind of bracket closes first. The parser reports some line after it,
// in words about what it found there. It is the fault only if the file can be read up to there once the bracket is closed.
func unclosed(lines [][]rune) (Pos, bool) {
	var open []opened
	block := -1 // indentation of the line whose block scalar we are in
	for n, line := range lines {
		text := string(line)
		indent := len(line) - len([]rune(strings.TrimLeft(text, " ")))
		if strings.TrimSpace(text) == "" {
			continue
		}
		if block >= 0 {
			if indent > block {
				continue
			}
			block = -1
		}
		if len(open) > 0 && indent <= open[0].indent && beginsKey.MatchString(text) {
			return open[len(open)-1].at, readable(lines[:n], nil, nil, open)
		}
		quote := rune(0)
		for i := indent; i < len(line); i++ {
			r := line[i]
			starts := i == indent || strings.ContainsRune(" ,[{", line[i-1])
			switch {
			case quote == '"' && r == '\\':
				i++
			case quote != 0:
				if r == quote {
					quote = 0
				}
			case r == '#' && (i == 0 || line[i-1] == ' '):
				i = len(line)
			case (r == '"' || r == '\'') && starts:
				quote = r
			case (r == '{' || r == '[') && starts && (len(open) > 0 || beginsValue(line[:i])):
				end := '}'
				if r == '[' {
					end = ']'
				}
				open = append(open, opened{Pos{n + 1, i + 1}, end, indent})
			case (r == '}' || r == ']') && len(open) > 0:
				if last := open[len(open)-1]; r != last.close {
					return last.at, readable(lines[:n], line[:i], line[i:], open[len(open)-1:])
				}
				open = open[:len(open)-1]
			}
		}
		if quote != 0 {
			return Pos{}, false // a text over several lines: the brackets cannot be told from its own
		}
		if trimmed := strings.TrimRight(text, " "); len(open) == 0 && blockScalar.MatchString(trimmed) {
			block = indent
		}
	}
	if len(open) > 0 {
		return open[len(open)-1].at, readable(lines, nil, nil, open)
	}
	return Pos{}, false
}

// readable reports whether YAML can read lines, and the beginning of a line, once the open brackets are closed before rest.
func readable(lines [][]rune, line, rest []rune, open []opened) bool {
	var text strings.Builder
	for _, one := range lines {
		text.WriteString(string(one) + "\n")
	}
	fixed := strings.TrimRight(text.String(), "\n") // the brackets may not be less indented than their block
	if line != nil {
		fixed = text.String() + string(line)
	}
	for i := len(open) - 1; i >= 0; i-- {
		fixed += string(open[i].close)
	}
	_, err := decodeDocuments(fixed + string(rest))
	return err == nil
}

// blockScalar matches the end of a line that begins a text over several lines.
var blockScalar = regexp.MustCompile(`(:|-) [|>][-+0-9]*(\s+#.*)?$`)

// beginsValue reports whether what comes before a bracket is a key, a dash or nothing, so that the bracket begins a value.
func beginsValue(before []rune) bool {
	text := strings.TrimRight(string(before), " ")
	return text == "" || strings.HasSuffix(text, ":") || strings.HasSuffix(text, "-")
}
