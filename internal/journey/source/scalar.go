package source

import (
	"unicode"

	"gopkg.in/yaml.v3"
)

// At returns the position of the i-th character (from 0) of a scalar's value, for every style of quotes, escapes and
// line breaks.
func (n *Node) At(i int) Pos {
	if n.src == nil || i < 0 {
		return n.Pos
	}
	a := aligner{src: n.src, line: n.Line, col: n.Col}
	value := []rune(n.Text)
	if n.plain {
		return plainAt(value, i)
	}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return a.block(value, i)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		a.skipTo('"')
		return a.double(value, i)
	case n.Style&yaml.SingleQuotedStyle != 0:
		a.skipTo('\'')
		return a.flow(value, i, true)
	}
	return a.flow(value, i, false)
}

// plainAt returns the position of a character of a file that is one text.
func plainAt(value []rune, i int) Pos {
	at := Pos{1, 1}
	for _, r := range value[:min(i, len(value))] {
		if at.Col++; r == '\n' {
			at = Pos{at.Line + 1, 1}
		}
	}
	return at
}

// aligner walks the source in parallel with the value that was read from it.
type aligner struct {
	src  *source
	line int
	col  int
}

func (a *aligner) pos() Pos { return Pos{a.line, a.col} }

// peek returns the character k ahead on this line, or a newline past its end.
func (a *aligner) peek(k int) rune {
	line := a.src.line(a.line)
	if i := a.col - 1 + k; i >= 0 && i < len(line) {
		return line[i]
	}
	return '\n'
}

// skipTo moves past the opening quote. A tag may precede it.
func (a *aligner) skipTo(quote rune) {
	for k := 0; a.peek(k) != '\n'; k++ {
		if a.peek(k) == quote {
			a.col += k + 1
			return
		}
	}
}

// broken reports whether the rest of the line is blank.
func (a *aligner) broken() bool {
	k := 0
	for a.peek(k) == ' ' || a.peek(k) == '\t' {
		k++
	}
	return a.peek(k) == '\n'
}

// fold moves to the next line with text and counts the line breaks.
func (a *aligner) fold() int {
	breaks := 0
	for a.broken() && a.line < len(a.src.Lines) {
		a.line, a.col = a.line+1, 1
		breaks++
	}
	for a.peek(0) == ' ' || a.peek(0) == '\t' {
		a.col++
	}
	return breaks
}

// flow follows a plain or single-quoted scalar.
func (a *aligner) flow(value []rune, target int, single bool) Pos {
	for i := 0; i < target; {
		if i < len(value) && a.broken() && a.line < len(a.src.Lines) {
			here := a.pos()
			width := max(1, a.fold()-1)
			if i += width; i > target {
				return here
			}
			continue
		}
		if single && a.peek(0) == '\'' {
			a.col++
		}
		a.col++
		i++
	}
	return a.pos()
}

// escapeWidth returns the length of an escape in double quotes, by its letter.
func escapeWidth(letter rune) int {
	switch letter {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// double follows a double-quoted scalar.
func (a *aligner) double(value []rune, target int) Pos {
	for i := 0; ; {
		if a.peek(0) == '\\' && a.peek(1) == '\n' {
			a.col++
			a.fold()
			continue
		}
		if i >= target {
			return a.pos()
		}
		switch {
		case a.peek(0) == '\\':
			a.col += escapeWidth(a.peek(1))
			i++
		case i < len(value) && a.broken() && a.line < len(a.src.Lines):
			here := a.pos()
			if i += max(1, a.fold()-1); i > target {
				return here
			}
		default:
			a.col++
			i++
		}
	}
}

// block follows a literal or folded scalar. Its header is on the scalar's own line.
func (a *aligner) block(value []rune, target int) Pos {
	a.line, a.col = a.line+1, 1
	for a.broken() && a.line < len(a.src.Lines) && len(value) > 0 && value[0] != '\n' {
		a.line++
	}
	indent := max(0, a.indent()-leading(value))
	next := func() { a.line, a.col = a.line+1, indent+1 }
	a.col = indent + 1
	for i := 0; i < target && i < len(value); i++ {
		if a.peek(0) != '\n' {
			a.col++
			continue
		}
		next()
		// One line break of the value may be several in a folded source.
		for value[i] == '\n' && i+1 < len(value) && value[i+1] != '\n' && a.peek(0) == '\n' && a.line < len(a.src.Lines) {
			next()
		}
	}
	return a.pos()
}

// leading returns how many spaces and tabs of the first line with text belong to the value, as after an indentation indicator (`|2`).
func leading(value []rune) int {
	n := 0
	for _, r := range value {
		switch {
		case r == '\n':
			n = 0
		case !unicode.IsSpace(r):
			return n
		default:
			n++
		}
	}
	return 0
}

// indent returns the indentation of the next line with text.
func (a *aligner) indent() int {
	for n := a.line; n <= len(a.src.Lines); n++ {
		for i, r := range a.src.line(n) {
			if !unicode.IsSpace(r) {
				return i
			}
		}
	}
	return 0
}
