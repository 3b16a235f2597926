package source

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxFile bounds a file of a project, in bytes.
const maxFile = 1 << 20

// Pos is a position in a file: line and column from 1, columns in characters.
type Pos struct{ Line, Col int }

type shape int

const (
	Scalar shape = iota
	Map
	Sequence
)

// Node is a YAML value with its position. Mappings keep the order of the file.
type Node struct {
	Pos
	Shape  shape
	Text   string // of a scalar
	Tag    string // str int float bool null timestamp, of a scalar
	Quoted bool
	Tagged bool // carries an explicit tag such as !has(…)
	Keys   []*Node
	Values []*Node
	Items  []*Node

	Style yaml.Style
	plain bool // the text of a whole file
	src   *source
}

// source is a file's text by lines.
type source struct {
	name  string
	Lines [][]rune
	keys  ExprKeys
	exprs bool // the file may hold expressions
	shown map[int]string
}

// line returns a line by its number, from 1.
func (s *source) line(n int) []rune {
	if n < 1 || n > len(s.Lines) {
		return nil
	}
	return s.Lines[n-1]
}

// maxSource bounds a line in a diagnostic, in characters, because one line may have thousands of problems.
const maxSource = 10000

// excerpt returns a line for a diagnostic, or "" if it is too long.
func (s *source) excerpt(n int) string {
	text, known := s.shown[n]
	if known {
		return text
	}
	if line := s.line(n); len(line) <= maxSource {
		text = string(line)
	}
	if s.shown == nil {
		s.shown = map[int]string{}
	}
	s.shown[n] = text
	return text
}

// IsNull reports whether the node is an empty or null value.
func (n *Node) IsNull() bool { return n.Shape == Scalar && n.Tag == "null" && !n.Tagged }

// IsText reports whether the node is a string.
func (n *Node) IsText() bool {
	return n.Shape == Scalar && !n.Tagged && (n.Tag == "str" || n.Tag == "timestamp" || n.Tag == "merge" || n.Tag == "binary")
}

// What returns the node's type in plain words.
func (n *Node) What() string {
	switch {
	case n.Shape == Map:
		return "a mapping"
	case n.Shape == Sequence:
		return "a list"
	case n.Tag == "null":
		return "nothing"
	case n.Tag == "bool":
		return "true or false"
	case n.Tag == "int" || n.Tag == "float":
		return "a number"
	}
	return "a text"
}

type syntaxError struct {
	at      Pos
	message string
	expr    bool // YAML took a character of an expression for its own

	rest   string // the file with another value in the place of the one at fault; empty if impossible
	hidden span   // that place
}

// readSource splits bytes into lines. It reports bytes that are no text.
func readSource(name string, data []byte) (*source, string, *syntaxError) {
	src := &source{name: name}
	if len(data) > maxFile {
		return src, "", &syntaxError{at: Pos{1, 1}, message: fmt.Sprintf("the file is larger than %d KiB; split it", maxFile>>10)}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	for _, line := range bytes.Split(data, []byte("\n")) {
		src.Lines = append(src.Lines, []rune(string(line)))
	}
	at := Pos{1, 1}
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return src, "", &syntaxError{at: at, message: "the file is not valid UTF-8 here; save it as UTF-8"}
		case r == '\n':
			at = Pos{at.Line + 1, 0}
		case r < ' ' && r != '\t', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return src, "", &syntaxError{at: at, message: fmt.Sprintf("the control character U+%04X cannot stand in a file; remove it", r)}
		}
		at.Col++
		rest = rest[size:]
	}
	return src, string(data), nil
}

// parseYAML parses one document. A nil node without an error is an empty file.
func parseYAML(src *source, text string) (root *Node, problem *syntaxError) {
	defer func() {
		if r := recover(); r != nil {
			root, problem = nil, &syntaxError{at: Pos{1, 1}, message: "this is not valid YAML"}
		}
	}()
	documents, err := decodeDocuments(text)
	if err != nil {
		return nil, explainYAML(src, text, err)
	}
	if len(documents) == 0 || len(documents[0].Content) == 0 {
		return nil, nil
	}
	if len(documents) > 1 {
		second := documents[1]
		return nil, &syntaxError{
			at:      Pos{max(second.Line, 1), max(second.Column, 1)},
			message: "one file is one document: remove the --- and put the rest in another file",
		}
	}
	return convert(src, documents[0].Content[0], 0)
}

// decodeDocuments parses up to two documents.
func decodeDocuments(text string) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var documents []*yaml.Node
	for len(documents) < 2 {
		var n yaml.Node
		if err := decoder.Decode(&n); err != nil {
			if err.Error() == "EOF" {
				return documents, nil
			}
			return documents, err
		}
		documents = append(documents, &n)
	}
	return documents, nil
}

// maxDepth bounds nesting.
const maxDepth = 100

// convert converts a parsed tree and rejects what can expand (anchors, aliases, merges).
func convert(src *source, y *yaml.Node, depth int) (*Node, *syntaxError) {
	at := Pos{max(y.Line, 1), max(y.Column, 1)}
	switch {
	case depth > maxDepth:
		return nil, &syntaxError{at: at, message: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	case y.Kind == yaml.AliasNode:
		return nil, &syntaxError{at: at, message: "aliases (*name) are not part of the journey language: write the value out"}
	case y.Anchor != "":
		return nil, &syntaxError{at: at, message: "anchors (&name) are not part of the journey language: write the value out"}
	}
	n := &Node{Pos: at, Style: y.Style, src: src, Text: y.Value, Tag: strings.TrimPrefix(y.Tag, "!!")}
	n.Tagged = y.Style&yaml.TaggedStyle != 0
	if line := src.line(at.Line); y.Kind == yaml.ScalarNode && at.Col <= len(line) && line[at.Col-1] == '!' {
		n.Tagged = true // "! x" counts too: the parser reads it as x
	}
	n.Quoted = y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	children := make([]*Node, 0, len(y.Content))
	for _, child := range y.Content {
		if y.Kind == yaml.MappingNode && len(children)%2 == 0 && child.Tag == "!!merge" && child.Kind == yaml.ScalarNode {
			return nil, &syntaxError{
				at:      Pos{child.Line, child.Column},
				message: "merge keys (<<) are not part of the journey language: write the keys out",
			}
		}
		converted, problem := convert(src, child, depth+1)
		if problem != nil {
			return nil, problem
		}
		children = append(children, converted)
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.Shape = Map
		for i := 0; i+1 < len(children); i += 2 {
			n.Keys, n.Values = append(n.Keys, children[i]), append(n.Values, children[i+1])
		}
	case yaml.SequenceNode:
		n.Shape, n.Items = Sequence, children
	}
	return n, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// explainYAML converts the parser's error to a position and plain words. The parser's own line is often that of the
// context, so explainYAML looks for the first line after which no prefix of the file parses.
func explainYAML(src *source, text string, err error) *syntaxError {
	message := err.Error()
	line := 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
		}
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) <= maxSearched {
		line = firstBad(lines)
	}
	line = min(max(line, 1), len(lines))
	file := make([][]rune, len(lines))
	for i, one := range lines {
		file[i] = []rune(one)
	}
	content := file[line-1]
	for at, r := range content {
		if r == '\t' {
			return &syntaxError{at: Pos{line, at + 1}, message: "a tab in the indentation: YAML requires spaces"}
		}
		if r != ' ' {
			break
		}
	}
	if at, ok := unclosed(file); ok {
		bracket := file[at.Line-1][at.Col-1]
		return &syntaxError{at: at, message: fmt.Sprintf("unclosed %c: the bracket that opens here is never closed", bracket)}
	}
	if t, value := findMangled(file, line, src); value != nil {
		problem := &syntaxError{at: value.at, message: value.words, expr: value.expr}
		if rest := t.masked(text, value); value.mask && rest != text {
			problem.rest, problem.hidden = rest, span{t.pos(value.from), t.pos(value.to)}
		}
		return problem
	}
	column := 1 + len(content) - len([]rune(strings.TrimLeft(string(content), " ")))
	return &syntaxError{at: Pos{line, min(column, len(content)+1)}, message: yamlWords(message)}
}

// Bounds of the search for the line at fault.
const (
	maxSearched = 3000    // lines of the file
	maxAhead    = 50      // lines that braces or quotes may stay open
	maxReread   = 4 << 20 // bytes parsed by the search
)

// firstBad returns the number of the line after which no prefix of the file parses.
func firstBad(lines []string) int {
	left := maxReread
	good := func(n int) bool {
		if left <= 0 {
			return false
		}
		prefix := strings.Join(lines[:n], "\n")
		left -= len(prefix)
		_, err := decodeDocuments(prefix)
		return err == nil
	}
	low, high := 0, len(lines) // the prefix of low lines parses, that of high lines does not
	for {
		for low+1 < high {
			if middle := (low + high) / 2; good(middle) {
				low = middle
			} else {
				high = middle
			}
		}
		next := high + 1 // a prefix may also fail because it ends inside braces or quotes
		for next < len(lines) && next <= high+maxAhead && !good(next) {
			next++
		}
		if next >= len(lines) || next > high+maxAhead {
			return high
		}
		low, high = next, len(lines)
	}
}

// yamlWords translates the parser's message for designers.
func yamlWords(message string) string {
	switch {
	case strings.Contains(message, "mapping values are not allowed"):
		return `a second ": " on this line, or a wrong indentation: quote the text if it holds a colon`
	case strings.Contains(message, "could not find expected ':'"):
		return "this line has no \"key: value\": check the indentation and the colon"
	case strings.Contains(message, "unexpected end of stream"):
		return "a quote or bracket that opens here is never closed"
	case strings.Contains(message, "did not find expected ',' or"):
		return "a comma, quote, bracket or ? cuts this value: quote the text or expression"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "did not find expected '-'"):
		return "the indentation does not match the lines above"
	}
	return "not valid YAML: " + message
}

// Child returns the value of a key of a mapping, or nil.
func (n *Node) Child(key string) *Node {
	i := slices.IndexFunc(n.Keys, func(k *Node) bool { return k.Shape == Scalar && k.Text == key })
	if i < 0 {
		return nil
	}
	return n.Values[i]
}
