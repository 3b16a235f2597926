package source

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Document is one file while it is read: its nodes, and the problems found so far.
type Document struct {
	File    string
	data    []byte
	keys    ExprKeys
	exprs   bool // the file may hold expressions
	plain   bool // the file is a text, not YAML
	Src     *source
	Root    *Node
	hidden  []span // values that YAML could not parse
	Partial bool   // part of the file could not be parsed

	Diagnostics Diagnostics
	Errors      int
}

// NewDocument returns a document to be read with Read.
func NewDocument(file string, data []byte, keys ExprKeys, exprs bool) *Document {
	return &Document{File: file, data: data, keys: keys, exprs: exprs}
}

// NewText returns a document of a file that is one text: its Root is a text node that begins at 1:1.
func NewText(file string, data []byte) *Document {
	return &Document{File: file, data: data, plain: true}
}

// BaseName returns a file's name without folder and extension.
func BaseName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml")
}

// maxMasked bounds how many unparsable values are masked in one file.
const maxMasked = 20

// Read parses the file.
func (f *Document) Read() {
	src, text, problem := readSource(f.File, f.data)
	f.Src = src
	src.keys, src.exprs = f.keys, f.exprs
	if f.plain && problem == nil {
		f.Root = &Node{Pos: Pos{1, 1}, Text: text, Tag: "str", plain: true, src: src}
		return
	}
	if problem == nil {
		f.Root, problem = parseYAML(src, text)
	}
	for range maxMasked {
		if problem == nil || problem.rest == "" {
			break
		}
		f.syntax(problem)
		f.hidden = append(f.hidden, problem.hidden)
		f.Root, problem = parseYAML(src, problem.rest)
	}
	if problem != nil {
		f.syntax(problem)
	}
	f.Partial = problem != nil || len(f.hidden) > 0
	switch {
	case problem != nil:
		f.Root = nil
	case f.Root == nil:
		f.Report(Pos{1, 1}, "missing-key", "", "the file is empty")
	}
}

// syntax reports a problem of the YAML.
func (f *Document) syntax(problem *syntaxError) {
	code := "yaml-syntax"
	if problem.expr {
		code = "bad-expression"
	}
	f.Report(problem.at, code, "", "%s", problem.message)
}

// Unread reports whether a position is inside a value that YAML could not parse.
func (f *Document) Unread(at Pos) bool {
	return slices.ContainsFunc(f.hidden, func(s span) bool { return s.holds(at) })
}

// Report adds a diagnostic, unless it concerns a value that could not be parsed.
func (f *Document) Report(at Pos, code, hint, format string, args ...any) {
	if f.Unread(at) {
		return
	}
	severity := severityOf(code)
	if severity == Error {
		f.Errors++
	}
	f.Diagnostics = append(f.Diagnostics, Diagnostic{
		File: f.File, Line: max(at.Line, 1), Column: max(at.Col, 1), Severity: severity, Code: code,
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: f.Src.excerpt(max(at.Line, 1)),
	})
}

// Name returns the name that the file states, and reports one that differs from the file's own.
func (f *Document) Name(n *Node, what string) string {
	if n == nil {
		return ""
	}
	text, ok := f.Label(n, what)
	if base := BaseName(f.File); ok && text != base {
		f.Report(n.Pos, "name-mismatch", base, "the %s is called %q, its file %q: both must be the same", what, text, base)
	}
	return text
}
