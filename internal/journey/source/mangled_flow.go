package source

import (
	"slices"
	"strings"
	"unicode"
)

// blanks skips blanks, line breaks and comments.
func (s *stretch) blanks(i int) int {
	for i < len(s.runes) {
		switch {
		case unicode.IsSpace(s.runes[i]):
			i++
		case s.runes[i] == '#' && (i == 0 || unicode.IsSpace(s.runes[i-1])):
			i = s.lineEnd(i)
		default:
			return i
		}
	}
	return i
}

// flow reads {…} or […] under a key and returns the offset after it.
func (s *stretch) flow(i int, parent string) (int, bool) {
	if s.depth++; s.depth > maxDepth {
		return i, false
	}
	defer func() { s.depth-- }()
	open, inMapping := i, s.runes[i] == '{'
	last, lastKey := -1, "" // the last value
	for i++; ; {
		i = s.blanks(i)
		switch r := s.peek(i); {
		case i >= len(s.runes):
			return i, false
		case r == '}' || r == ']':
			return i + 1, true
		case r == '-' && s.peek(i+1) == ' ' && slices.Contains(s.runes[open:i], '\n'): // the next item of an enclosing list
			to := i
			for s.runes[to-1] != '\n' {
				to--
			}
			s.found = append(
				s.found,
				mangledValue{at: s.pos(open), from: open, to: to - 1, mask: true,
					words: "unclosed bracket: it opens here and is never closed"},
			)
			return i, false
		case r == ',':
			i++
			continue
		case (r == '{' || r == '[') && !inMapping:
			var ok bool
			if i, ok = s.flow(i, parent); !ok {
				return i, false
			}
			continue
		}
		key, behind, bare, ok := s.flowKey(i)
		switch {
		case !ok && inMapping && last >= 0: // the rest of a value that was cut at a comma
			expr := s.isExpr(lastKey, parent)
			end := s.plainEnd(i, expr)
			s.add(behind, last, end, expr)
			i = max(end, i+1)
		case !ok:
			end := s.plainEnd(i, false)
			s.add(behind, i, end, false)
			i = max(end, i+1)
		case bare: // without a value
			i = behind
		default:
			last, lastKey = s.blanks(behind), key
			if i, ok = s.flowValue(last, key, parent); !ok {
				return i, false
			}
		}
	}
}

// flowKey reads a key and returns the offset after its colon, or after a bare key itself. It is not ok if the character
// at that offset cuts the key.
func (s *stretch) flowKey(i int) (key string, behind int, bare, ok bool) {
	from := i
	if r := s.peek(i); r == '"' || r == '\'' {
		end, closed := s.quoted(i)
		if !closed {
			return "", i, false, false
		}
		i = end
		if s.peek(i) == ':' {
			return string(s.runes[from+1 : i-1]), i + 1, false, true
		}
	}
	for ; i < len(s.runes); i++ {
		r := s.runes[i]
		switch {
		case r == ':' && (unicode.IsSpace(s.peek(i+1)) || strings.ContainsRune(",[]{}", s.peek(i+1))):
			return strings.Trim(strings.TrimSpace(string(s.runes[from:i])), `"'`), i + 1, false, true
		case r == ',' || r == '}' || r == ']':
			return "", i, true, true
		case strings.ContainsRune("?[{", r), i == from && strings.ContainsRune("&*%@`|>!", r):
			return "", i, false, false
		}
	}
	return "", i, true, true
}

func (s *stretch) flowValue(i int, key, parent string) (int, bool) {
	expr := s.isExpr(key, parent)
	first := s.peek(i)
	switch {
	case i >= len(s.runes):
		return i, false
	case strings.ContainsRune(",]}", first):
		return i, true
	case first == '"' || first == '\'':
		behind, closed := s.quoted(i)
		if !closed {
			s.openQuote(i)
			return i, false
		}
		if next := s.blanks(behind); strings.ContainsRune(",]}", s.peek(next)) || next >= len(s.runes) {
			return next, true
		}
	case (first == '[' || first == '{' && s.peek(i+1) != '{') && !expr:
		behind, ok := s.flow(i, key)
		if !ok {
			return behind, false
		}
		if next := s.blanks(behind); strings.ContainsRune(",]}", s.peek(next)) || next >= len(s.runes) {
			return next, true
		}
	}
	end := s.plainEnd(i, expr)
	s.plain(i, end, expr, true)
	return max(end, i), true
}

// openQuote records a quoted string in braces that is never closed. If the quote is the last one of its line, the
// closing braces after it belong to the string.
func (s *stretch) openQuote(i int) {
	to := s.lineEnd(i)
	for n := 0; n < s.depth && to > i+1 && strings.ContainsRune("}]", s.runes[to-1]); n++ {
		to--
	}
	s.found = append(s.found, mangledValue{at: s.pos(i), from: i, to: to, words: "a quote that opens here is never closed",
		mask: s.lineEnd(i)-to == s.depth && !slices.Contains(s.runes[i:to], ',')})
}

// plainEnd returns where a plain value ends as its author meant it: at a comma or bracket that is not its own. It
// crosses line breaks unless the next line starts an item or a key. In expressions, quotes count. If quotes or brackets
// do not match, the value ends at the next comma, bracket or line break.
func (s *stretch) plainEnd(from int, expr bool) int {
	open, quote := []rune(nil), rune(0)
	for i := from; i < min(len(s.runes), from+maxPlain); i++ {
		r := s.runes[i]
		switch {
		case r == '\n':
			if next := s.blanks(i); quote == 0 && !s.beginsAnew(i+1) && !strings.ContainsRune("\n]}#", s.peek(next)) {
				continue
			}
			if quote != 0 || len(open) > 0 {
				return s.cut(from)
			}
			return i
		case quote != 0:
			if r == '\\' {
				i++
			} else if r == quote {
				quote = 0
			}
		case expr && (r == '"' || r == '\''):
			quote = r
		case strings.ContainsRune("[{", r), expr && r == '(':
			open = append(open, r)
		case strings.ContainsRune("]}", r), expr && r == ')':
			if len(open) == 0 && r == ')' { // unmatched
				continue
			}
			if len(open) == 0 {
				return i
			}
			if strings.IndexRune("[{(", open[len(open)-1]) != strings.IndexRune("]})", r) {
				return s.cut(from)
			}
			open = open[:len(open)-1]
		case r == ',' && len(open) == 0:
			return i
		}
	}
	return s.cut(from)
}

// cut returns the offset of the next comma, closing bracket or line break.
func (s *stretch) cut(i int) int {
	for i < len(s.runes) && !strings.ContainsRune(",]}\n", s.runes[i]) {
		i++
	}
	return i
}
