package source

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A mangledValue is an unquoted scalar that YAML parsed differently from what the author meant, or could not parse.
//
// CEL and YAML share punctuation, so a correct expression may be incorrect YAML. These lines do not parse:
//
//	when: event.status == "a" ? true : false    ": " starts a mapping
//	- {when: vars.list[0] == "a", send: x}      in braces, "[" starts a list
//	when: @daily                                "@" is reserved
//
// These do, with another meaning: lint recognizes them later (Node.Tagged, Mapping.Cut, cutAtHash in package lint).
//
//	when: !has(customer.email)                  a tag
//	- {when: max(1, vars.n) > 2, send: x}       the value ends at the comma
//	when: customer.note == "a #1"               a comment starts at " #"
//
// A parser's message about such a line ("did not find expected ',' or '}'") helps no designer, and often names a later
// line. The search works in four stages:
//
//  1. firstBad (yaml.go) bisects for the line after which no prefix of the file parses.
//  2. findMangled reads from this line with a tolerant grammar of its own: block lines, flow mappings, quotes, and plain
//     values that end where the author meant them to end, with brackets and quotes in pairs.
//  3. eats returns the first character in such a value that YAML takes for its own. A strong suspect (a character YAML
//     cannot accept) beats a weak one (a comma or #, which merely cuts the value).
//  4. masked replaces the value by one that YAML accepts, in the same columns, and the file is parsed again, at most
//     maxMasked times. All problems of a file are thus reported at once, at their true positions.
//
// The invariant is that this guesswork never changes a file's meaning: it runs only after YAML has refused the
// file, the file keeps its error and cannot be published, and nothing more is reported about a masked value
// (Document.Unread). All searches are bounded, because lint also reads hostile files.
type mangledValue struct {
	at    Pos  // the character at fault
	from  int  // where the value begins, as an offset in the stretch
	to    int  // where it ends, as the author meant it
	weak  bool // only cut at a comma or #, which is valid YAML
	mask  bool // the rest of the file can be parsed with another value in its place
	words string
	expr  bool
}

// stretch is a part of a file as characters.
type stretch struct {
	src   *source  // whose keys hold expressions
	file  [][]rune // its lines
	first int      // the first line of the stretch, from 1
	runes []rune
	lines []int // offset of each line's first character
	found []mangledValue
	depth int
}

// Bounds of the search for the value at fault.
const (
	maxStretch = 400      // lines that braces may span
	maxRunes   = 64 << 10 // characters, from the first line on
	maxPlain   = 8192     // characters of one value
)

// newStretch returns the lines from number first on.
func newStretch(file [][]rune, first int, src *source) *stretch {
	s := &stretch{src: src, file: file, first: first}
	for n := first; n <= len(file) && n < first+maxStretch && len(s.runes) < maxRunes; n++ {
		s.lines = append(s.lines, len(s.runes))
		s.runes = append(append(s.runes, file[n-1][:min(len(file[n-1]), maxRunes)]...), '\n')
	}
	return s
}

// pos returns the position of an offset.
func (s *stretch) pos(i int) Pos {
	line, exact := slices.BinarySearch(s.lines, i)
	if !exact {
		line--
	}
	return Pos{s.first + line, i - s.lines[line] + 1}
}

func (s *stretch) peek(i int) rune {
	if i < 0 || i >= len(s.runes) {
		return '\n'
	}
	return s.runes[i]
}

// lineEnd returns the offset of the next line break.
func (s *stretch) lineEnd(i int) int {
	for i < len(s.runes) && s.runes[i] != '\n' {
		i++
	}
	return i
}

// findMangled returns the value that makes the file unreadable, on this line or in the braces that open on it.
func findMangled(file [][]rune, line int, src *source) (*stretch, *mangledValue) {
	t := newStretch(file, line, src)
	t.block()
	for _, weak := range []bool{false, true} {
		for i := range t.found {
			if t.found[i].weak == weak {
				return t, &t.found[i]
			}
		}
	}
	return t, nil
}

var blockKey = regexp.MustCompile(`^([\w.-]+|"[^"]*"|'[^']*')[ \t]*:(?:[ \t]+|$)`)

// block reads a line of a mapping or list.
func (s *stretch) block() {
	i, end := 0, s.lineEnd(0)
	for {
		for i < end && s.runes[i] == ' ' {
			i++
		}
		if s.peek(i) != '-' || s.peek(i+1) != ' ' {
			break
		}
		i++
	}
	rest, key := string(s.runes[i:end]), ""
	if m := blockKey.FindStringSubmatch(rest); m != nil {
		key = strings.Trim(m[1], `"'`)
		i += len([]rune(m[0]))
	}
	if i >= end || s.runes[i] == '#' {
		return
	}
	parent := s.parentKey()
	expr := key != "" && s.isExpr(key, parent) ||
		key == "" && i > 0 && s.runes[i-1] == ' ' && !strings.Contains(string(s.runes[:i]), "-") &&
			s.isExpr(parent, "") // its continuation line
	first := s.runes[i]
	switch {
	case first == '"' || first == '\'':
		s.blockQuoted(i, end, expr)
	case (first == '|' || first == '>') && blockHeader.MatchString(string(s.runes[i:end])):
	case (first == '[' || first == '{' && s.peek(i+1) != '{') && !expr:
		behind, ok := s.flow(i, key)
		if !ok || s.blankBehind(behind) {
			return
		}
		s.add(i, i, s.lineEnd(behind), false)
		if next := s.blanks(behind); strings.ContainsRune("]}", s.peek(next)) {
			last := &s.found[len(s.found)-1]
			last.at, last.words = s.pos(next), "one bracket too many: no bracket is open here"
		}
	default:
		s.plain(i, end, expr, false)
	}
}

var blockHeader = regexp.MustCompile(`^[|>][-+0-9]*[ \t]*(#.*)?$`)

// parentKey returns the key of the mapping that contains the line.
func (s *stretch) parentKey() string {
	own := s.keyColumn(s.file[s.first-1])
	for n := s.first - 1; n > 0; n-- {
		line := s.file[n-1]
		if text := strings.TrimSpace(string(line)); text == "" || text[0] == '#' {
			continue
		}
		if at := s.keyColumn(line); at < own {
			if m := blockKey.FindStringSubmatch(string(line[at:])); m != nil {
				return m[1]
			}
			return ""
		}
	}
	return ""
}

// keyColumn returns where the text of a line begins, after the dashes of lists.
func (s *stretch) keyColumn(line []rune) int {
	i := 0
	for i < len(line) && (line[i] == ' ' || line[i] == '-' && i+1 < len(line) && line[i+1] == ' ') {
		i++
	}
	return i
}

// blockQuoted checks a value that begins with a quote.
func (s *stretch) blockQuoted(i, end int, expr bool) {
	behind, closed := s.quoted(i)
	switch {
	case closed && s.blankBehind(behind):
	case closed && behind <= end:
		s.add(i, i, end, expr)
	default: // open on its line
		s.found = append(
			s.found,
			mangledValue{at: s.pos(i), from: i, to: end, words: "a quote that opens here is never closed, or has text after its end",
				mask: s.beginsAnew(end + 1)},
		)
	}
}

// blankBehind reports whether the rest of the line holds only blanks or a comment.
func (s *stretch) blankBehind(i int) bool {
	for s.peek(i) == ' ' || s.peek(i) == '\t' {
		i++
	}
	return s.peek(i) == '\n' || s.peek(i) == '#'
}

// quoted returns the offset after a quoted string, and whether it is closed.
func (s *stretch) quoted(i int) (int, bool) {
	quote := s.runes[i]
	for i++; i < len(s.runes); i++ {
		switch {
		case s.runes[i] == '\n' && s.beginsAnew(i+1):
			return i, false
		case quote == '"' && s.runes[i] == '\\':
			i++
		case quote == '\'' && s.runes[i] == quote && s.peek(i+1) == quote:
			i++
		case s.runes[i] == quote:
			return i + 1, true
		}
	}
	return len(s.runes), false
}

// beginsAnew reports whether a line begins with a key or a dash, or is empty.
func (s *stretch) beginsAnew(i int) bool {
	if i >= len(s.runes) {
		return true
	}
	line := strings.TrimSpace(string(s.runes[i:s.lineEnd(i)]))
	return line == "" || strings.HasPrefix(line, "- ") || blockKey.MatchString(line)
}

// ExprKeys are the keys of a language that hold expressions.
type ExprKeys struct {
	Keys    []string // the value is an expression
	Parents []string // the value is a mapping whose values are all expressions
}

// isExpr reports whether a key's value is an expression.
func (s *stretch) isExpr(key, parent string) bool {
	switch {
	case !s.src.exprs:
		return false
	case slices.Contains(s.src.keys.Parents, parent), strings.HasPrefix(key, "vars."), strings.HasPrefix(key, "customer."):
		return true
	}
	return slices.Contains(s.src.keys.Keys, key) && parent != "vars"
}

// eats returns the first character of a plain value that YAML takes for its own, or -1. With weak, it looks for the
// characters that only cut the value, so that the rest is valid YAML too.
func (s *stretch) eats(from, to int, expr, braces, weak bool) int {
	for i := from; i < to; i++ {
		r, next := s.runes[i], s.peek(i+1)
		switch {
		case weak:
			if braces && (expr && r == ',' || r == '#' && i > from && unicode.IsSpace(s.runes[i-1])) {
				return i
			}
		case i == from && (strings.ContainsRune("&*%@`|>!\"'{[", r) || r == '?' && next == ' '),
			r == ':' && (unicode.IsSpace(next) || braces && strings.ContainsRune(",[]{}", next)),
			braces && strings.ContainsRune("?[]{}", r):
			return i
		}
	}
	return -1
}

// plain records a plain value if YAML takes one of its characters for its own.
func (s *stretch) plain(from, to int, expr, braces bool) {
	at := s.eats(from, to, expr, braces, false)
	if at < 0 {
		at = s.eats(from, to, expr, braces, true)
	}
	if at >= 0 {
		s.add(at, from, to, expr)
	}
}

// add records a mangled value.
func (s *stretch) add(at, from, to int, expr bool) {
	words := "YAML reads this character as its own: quote the text"
	if expr {
		words = "YAML reads this character as its own: quote the expression"
	}
	for to > from && unicode.IsSpace(s.peek(to-1)) {
		to--
	}
	s.found = append(
		s.found,
		mangledValue{at: s.pos(at), from: from, to: to, words: words, expr: expr, mask: true, weak: strings.ContainsRune(",#", s.peek(at))},
	)
}

// masked returns the file with a valid value in the place of a mangled one. The columns after it do not change.
func (s *stretch) masked(text string, v *mangledValue) string {
	lines := strings.Split(text, "\n")
	value := []rune("true")
	if v.to-v.from < len(value) {
		value = []rune("1")
	}
	from, to := s.pos(v.from), s.pos(v.to)
	for n := from.Line; n <= to.Line; n++ {
		line := []rune(lines[n-1])
		begin, end := 0, len(line)
		if n == from.Line {
			begin = from.Col - 1
		}
		if n == to.Line {
			end = min(end, to.Col-1)
		}
		for i := begin; i < end; i++ {
			line[i] = ' '
		}
		if n == from.Line {
			copy(line[begin:end], value)
		}
		lines[n-1] = string(line)
	}
	return strings.Join(lines, "\n")
}

// span is a part of a file that was not parsed.
type span struct{ from, to Pos }

func (s span) holds(at Pos) bool {
	before := func(a, b Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col }
	return !before(at, s.from) && before(at, s.to)
}

// SetTarget matches the target of an assignment: vars or customer, and a dotted path.
var SetTarget = regexp.MustCompile(`^(vars|customer)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$`)
