package source

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Mapping reads a mapping key by key and reports the keys that remain.
type Mapping struct {
	*Document
	Node  *Node
	Known []string // keys requested so far
}

// Mapping opens a mapping. Any other node is reported, and nil is returned.
func (f *Document) Mapping(n *Node, what string) *Mapping {
	if n.Shape != Map || n.Tagged {
		f.WrongType(n, what+" is a mapping of keys and values")
		return nil
	}
	seen := map[string]bool{}
	for _, key := range n.Keys {
		if key.Shape == Scalar && seen[key.Text] {
			f.Report(key.Pos, "duplicate-key", "", "the key %q occurs twice", key.Text)
		}
		seen[key.Text] = true
	}
	return &Mapping{Document: f, Node: n}
}

// Index returns the index of a key's first occurrence.
func (m *Mapping) Index(key string) int {
	return slices.IndexFunc(m.Node.Keys, func(k *Node) bool { return k.Shape == Scalar && k.Text == key })
}

// Get returns a key's value, or nil.
func (m *Mapping) Get(key string) *Node {
	m.Known = append(m.Known, key)
	if i := m.Index(key); i >= 0 {
		return m.Node.Values[i]
	}
	return nil
}

// Need returns a key's value and reports a missing key.
func (m *Mapping) Need(key, why string) *Node {
	value := m.Get(key)
	if value == nil {
		m.Report(m.Node.Pos, "missing-key", "", "%q is missing: %s", key, why)
	}
	return value
}

// Near reports whether an unrequested key looks like a misspelling of this one.
func (m *Mapping) Near(key string) bool {
	return slices.ContainsFunc(m.Node.Keys, func(k *Node) bool { return k.Shape == Scalar && human.Suggest(k.Text, []string{key}) == key })
}

// Key returns the position of a key.
func (m *Mapping) Key(key string) Pos {
	if i := m.Index(key); i >= 0 {
		return m.Node.Keys[i].Pos
	}
	return m.Node.Pos
}

var plainKey = regexp.MustCompile(`^[\w.-]+$`)

// Done reports the keys that were not requested.
func (m *Mapping) Done(extra ...string) {
	for i, key := range m.Node.Keys {
		if key.Shape == Scalar && slices.Contains(m.Known, key.Text) {
			continue
		}
		if key.Shape == Scalar &&
			slices.ContainsFunc(m.Node.Keys[:i], func(k *Node) bool { return k.Shape == Scalar && k.Text == key.Text }) {
			continue // reported as a duplicate
		}
		hint := human.Suggest(key.Text, append(extra, m.Known...))
		if m.Cut(i, hint == "") {
			continue
		}
		m.Report(key.Pos, "unknown-key", hint, "the key %q is not known here", key.Text)
	}
}

// Cut reports a key that is the rest of a value cut at a comma. With word, it also accepts a rest that looks like a
// key.
func (m *Mapping) Cut(i int, word bool) bool {
	key := m.Node.Keys[i]
	if m.Node.Style&yaml.FlowStyle == 0 || i == 0 || !m.Node.Values[i].IsNull() || key.Quoted || !word && plainKey.MatchString(key.Text) {
		return false
	}
	what, article := "text", "a text"
	if before := m.Node.Keys[i-1]; slices.Contains(m.keys.Keys, before.Text) || SetTarget.MatchString(before.Text) ||
		!plainKey.MatchString(key.Text) {
		what, article = "expression", "an expression"
	}
	m.Report(key.Pos, "unknown-key", "", "%q is the rest of %s that YAML cut at a comma: quote the %s", key.Text, article, what)
	return true
}

// WrongType reports a value of the wrong type.
func (f *Document) WrongType(n *Node, want string) {
	if n.Tagged {
		f.Report(n.Pos, "wrong-type", "", "%s; YAML reads a leading ! as a tag: quote the text", want)
		return
	}
	if n.Shape != Scalar && n.Style&yaml.FlowStyle != 0 && strings.HasSuffix(want, " is a text") {
		f.Report(n.Pos, "wrong-type", "", "%s; this is %s (quote it if it is a text)", want, n.What())
		return
	}
	f.Report(n.Pos, "wrong-type", "", "%s; this is %s", want, n.What())
}

// Text reads a string for people. A number counts as its digits.
func (f *Document) Text(n *Node, what string) (string, bool) {
	if n.Shape == Scalar && !n.Tagged && (n.Tag == "int" || n.Tag == "float") {
		return n.Text, true
	}
	if !n.IsText() {
		f.WrongType(n, what+" is a text")
		return "", false
	}
	return n.Text, true
}

// Word reads a string that must not be empty.
func (f *Document) Word(n *Node, what string) (string, bool) {
	if !n.IsText() {
		f.WrongType(n, what+" is a text")
		return "", false
	}
	if strings.TrimSpace(n.Text) == "" {
		f.Report(n.Pos, "bad-value", "", "%s is empty", what)
		return "", false
	}
	return n.Text, true
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Label reads a name in kebab-case.
func (f *Document) Label(n *Node, what string) (string, bool) {
	if n.Shape == Scalar && !n.Tagged && n.Tag == "int" && kebab.MatchString(n.Text) {
		return n.Text, true
	}
	text, ok := f.Word(n, "the name of the "+what)
	if ok && (!kebab.MatchString(text) || len(text) > 100) {
		hint := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(text), "-"), "-")
		f.Report(n.Pos, "bad-value", hint, "%q is not a name: names are small letters, digits and single hyphens, up to 100", text)
		return text, false
	}
	return text, ok
}

// OneOf reads one of a few words.
func (f *Document) OneOf(n *Node, what string, words ...string) (string, bool) {
	text, ok := f.Word(n, what)
	if ok && !slices.Contains(words, text) {
		f.Report(n.Pos, "bad-value", human.Suggest(text, words), "%s is one of: %s", what, strings.Join(words, ", "))
		return "", false
	}
	return text, ok
}

// Duration reads a duration; signed allows a leading + or -.
func (f *Document) Duration(n *Node, what string, signed bool) (time.Duration, bool) {
	if n.Shape != Scalar || n.Tagged || n.Tag == "null" || n.Tag == "bool" {
		f.WrongType(n, what+" is a duration such as 2h")
		return 0, false
	}
	text, negative := n.Text, false
	if signed && text != "" && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	d, err := clock.ParseDuration(text)
	if err != nil {
		hint := clock.SuggestDuration(text)
		if n.Tag == "int" {
			hint = n.Text + "h"
		}
		if hint != "" && negative {
			hint = "-" + hint
		}
		f.Report(n.Pos, "bad-duration", hint, "%s: %v", what, err)
		return 0, false
	}
	if negative {
		d = -d
	}
	return d, true
}

// Number reads a number from low to high, both inclusive.
func (f *Document) Number(n *Node, what string, low, high float64) (float64, bool) {
	if n.Shape != Scalar || n.Tagged || n.Quoted || n.Tag != "int" && n.Tag != "float" {
		f.WrongType(n, what+" is a number")
		return 0, false
	}
	v, ok := ParseNumber(n)
	if !ok || v < low || v > high {
		if math.IsInf(low, -1) {
			f.Report(n.Pos, "bad-value", "", "%s is a finite number", what)
		} else if math.IsInf(high, 1) {
			f.Report(n.Pos, "bad-value", "", "%s is a number from %s", what, Digits(low))
		} else {
			f.Report(n.Pos, "bad-value", "", "%s is a number from %s to %s", what, Digits(low), Digits(high))
		}
		return 0, false
	}
	return v, true
}

// Boolean reads true or false.
func (f *Document) Boolean(n *Node, what string) bool {
	if n.Shape != Scalar || n.Tagged || n.Quoted || n.Tag != "bool" {
		f.WrongType(n, what+" is true or false")
		return false
	}
	return strings.EqualFold(n.Text, "true")
}

// ParseNumber returns the value of a YAML number, if it is finite.
func ParseNumber(n *Node) (float64, bool) {
	text := strings.ReplaceAll(n.Text, "_", "")
	if n.Tag == "int" {
		if i, err := strconv.ParseInt(text, 0, 64); err == nil {
			return float64(i), true
		}
		if u, err := strconv.ParseUint(text, 0, 64); err == nil {
			return float64(u), true
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// exactNumber returns the value of a YAML number as package number represents it: a float64 would change long ids.
func exactNumber(n *Node) (any, bool) {
	text := strings.ReplaceAll(n.Text, "_", "")
	if v, err := number.Read(json.Number(text)); err == nil && n.Tag == "int" && json.Valid([]byte(text)) {
		return v, true
	}
	return ParseNumber(n)
}

// Words reads a string or a list of strings. It also returns the nodes, for their positions.
func (f *Document) Words(n *Node, what string) ([]string, []*Node) {
	items := []*Node{n}
	if n.Shape == Sequence {
		items = n.Items
		if len(items) == 0 {
			f.Report(n.Pos, "bad-value", "", "%s is an empty list", what)
		}
	}
	var out []string
	var places []*Node
	for _, item := range items {
		text, ok := f.Word(item, what)
		switch {
		case !ok:
		case slices.Contains(out, text):
			f.Report(item.Pos, "bad-value", "", "%q occurs twice", text)
		default:
			out, places = append(out, text), append(places, item)
		}
	}
	return out, places
}

// List opens a list.
func (f *Document) List(n *Node, what string) ([]*Node, bool) {
	if n.Shape != Sequence {
		f.WrongType(n, what+" is a list")
		return nil, false
	}
	return n.Items, true
}

// Value returns a node as JSON values.
func (f *Document) Value(n *Node) any {
	switch {
	case n.Tagged:
		f.WrongType(n, "a value is a text, number, list or mapping")
		return nil
	case n.Shape == Sequence:
		out := make([]any, 0, len(n.Items))
		for _, item := range n.Items {
			out = append(out, f.Value(item))
		}
		return out
	case n.Shape == Map:
		m := f.Mapping(n, "a value")
		out := map[string]any{}
		for i, key := range n.Keys {
			switch {
			case key.Shape != Scalar || key.Tagged:
				f.WrongType(key, "a key is a text")
			case m != nil:
				out[key.Text] = f.Value(n.Values[i])
			}
		}
		return out
	case n.Tag == "null":
		return nil
	case n.Tag == "bool":
		return strings.EqualFold(n.Text, "true")
	case n.Tag == "int" || n.Tag == "float":
		if v, ok := exactNumber(n); ok {
			return v
		}
		f.Report(n.Pos, "bad-value", "", "the number is not finite")
		return nil
	}
	return n.Text
}

// Digits formats a number without an exponent.
func Digits(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Strangers returns the keys that were not requested so far.
func (m *Mapping) Strangers() []*Node {
	return slices.DeleteFunc(slices.Clone(m.Node.Keys), func(k *Node) bool { return k.Shape == Scalar && slices.Contains(m.Known, k.Text) })
}

// Place returns a position with this file's name.
func (f *Document) Place(at Pos) Place {
	return Place{File: f.File, Line: at.Line, Column: at.Col}
}

// Whole reads a whole number in a range.
func (f *Document) Whole(n *Node, what string, low, high int) (int, bool) {
	v, ok := f.Number(n, what, float64(low), float64(high))
	if ok && v != float64(int(v)) {
		f.Report(n.Pos, "bad-value", "", "%s is a whole number from %d to %d", what, low, high)
		return 0, false
	}
	return int(v), ok
}

// IsMapping reports any node other than a mapping.
func (f *Document) IsMapping(n *Node, what string) bool {
	if n.Shape != Map || n.Tagged {
		f.WrongType(n, what+" is a mapping of keys and values")
		return false
	}
	return true
}

// OptionalText reads the string at a key into to. A missing key is no error.
func (f *Document) OptionalText(m *Mapping, key string, to *string) {
	if n := m.Get(key); n != nil {
		*to, _ = f.Text(n, key)
	}
}
