package journey

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"gopkg.in/yaml.v3"
)

// fields reads a mapping key by key and reports what is left over.
type fields struct {
	*fileCheck
	node  *node
	known []string // keys asked for
}

// fields opens a mapping; anything else is reported and gives nil.
func (f *fileCheck) fields(n *node, what string) *fields {
	if n.shape != mapping || n.tagged {
		f.wrongType(n, what+" is a mapping of keys and values")
		return nil
	}
	seen := map[string]bool{}
	for _, key := range n.keys {
		if key.shape == scalar && seen[key.text] {
			f.report(key.pos, "duplicate-key", "", "the key %q stands here twice", key.text)
		}
		seen[key.text] = true
	}
	return &fields{fileCheck: f, node: n}
}

// index finds a key's first place.
func (m *fields) index(key string) int {
	return slices.IndexFunc(m.node.keys, func(k *node) bool { return k.shape == scalar && k.text == key })
}

// get gives a key's value, or nil.
func (m *fields) get(key string) *node {
	m.known = append(m.known, key)
	if i := m.index(key); i >= 0 {
		return m.node.values[i]
	}
	return nil
}

// need gives a key's value and reports its absence.
func (m *fields) need(key, why string) *node {
	value := m.get(key)
	if value == nil {
		m.report(m.node.pos, "missing-key", "", "%q is missing: %s", key, why)
	}
	return value
}

// near reports whether some key looks like a misspelt one.
func (m *fields) near(key string) bool {
	return slices.ContainsFunc(m.node.keys, func(k *node) bool { return k.shape == scalar && human.Suggest(k.text, []string{key}) == key })
}

// key gives the place of a key.
func (m *fields) key(key string) pos {
	if i := m.index(key); i >= 0 {
		return m.node.keys[i].pos
	}
	return m.node.pos
}

var plainKey = regexp.MustCompile(`^[\w.-]+$`)

// done reports the keys nobody asked for.
func (m *fields) done(extra ...string) {
	for i, key := range m.node.keys {
		if key.shape == scalar && slices.Contains(m.known, key.text) {
			continue
		}
		if key.shape == scalar &&
			slices.ContainsFunc(m.node.keys[:i], func(k *node) bool { return k.shape == scalar && k.text == key.text }) {
			continue // reported as a duplicate
		}
		hint := human.Suggest(key.text, append(extra, m.known...))
		if m.cut(i, hint == "") {
			continue
		}
		m.report(key.pos, "unknown-key", hint, "the key %q is not known here", key.text)
	}
}

// cut reports a key that is the rest of a value that was cut at a comma; word takes those that look like a key, too.
func (m *fields) cut(i int, word bool) bool {
	key := m.node.keys[i]
	if m.node.style&yaml.FlowStyle == 0 || i == 0 || !m.node.values[i].isNull() || key.quoted || !word && plainKey.MatchString(key.text) {
		return false
	}
	what, article := "text", "a text"
	if before := m.node.keys[i-1]; slices.Contains(exprKeys, before.text) || setTarget.MatchString(before.text) ||
		!plainKey.MatchString(key.text) {
		what, article = "expression", "an expression"
	}
	m.report(key.pos, "unknown-key", "", "%q is the rest of %s that was cut at a comma: quote the %s", key.text, article, what)
	return true
}

// wrongType reports a value of the wrong shape.
func (f *fileCheck) wrongType(n *node, want string) {
	if n.tagged {
		f.report(n.pos, "wrong-type", "", "%s; YAML reads a leading ! as a tag: quote the text", want)
		return
	}
	if n.shape != scalar && n.style&yaml.FlowStyle != 0 && strings.HasSuffix(want, " is a text") {
		f.report(n.pos, "wrong-type", "", "%s, this is %s: if it is meant as one, quote the text", want, n.what())
		return
	}
	f.report(n.pos, "wrong-type", "", "%s, this is %s", want, n.what())
}

// text reads a text for people; numbers stand for their digits.
func (f *fileCheck) text(n *node, what string) (string, bool) {
	if n.shape == scalar && !n.tagged && (n.tag == "int" || n.tag == "float") {
		return n.text, true
	}
	if !n.isText() {
		f.wrongType(n, what+" is a text")
		return "", false
	}
	return n.text, true
}

// word reads a text that must not be empty.
func (f *fileCheck) word(n *node, what string) (string, bool) {
	if !n.isText() {
		f.wrongType(n, what+" is a text")
		return "", false
	}
	if strings.TrimSpace(n.text) == "" {
		f.report(n.pos, "bad-value", "", "%s is empty", what)
		return "", false
	}
	return n.text, true
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// label reads a name in kebab-case.
func (f *fileCheck) label(n *node, what string) (string, bool) {
	if n.shape == scalar && !n.tagged && n.tag == "int" && kebab.MatchString(n.text) {
		return n.text, true
	}
	text, ok := f.word(n, "the name of the "+what)
	if ok && (!kebab.MatchString(text) || len(text) > 100) {
		hint := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(text), "-"), "-")
		f.report(n.pos, "bad-value", hint, "%q is no name: names are small letters, digits and single hyphens, up to 100", text)
		return text, false
	}
	return text, ok
}

// oneOf reads one of a few words.
func (f *fileCheck) oneOf(n *node, what string, words ...string) (string, bool) {
	text, ok := f.word(n, what)
	if ok && !slices.Contains(words, text) {
		f.report(n.pos, "bad-value", human.Suggest(text, words), "%s is one of: %s", what, strings.Join(words, ", "))
		return "", false
	}
	return text, ok
}

// duration reads a duration; signed allows a leading + or -.
func (f *fileCheck) duration(n *node, what string, signed bool) (time.Duration, bool) {
	if n.shape != scalar || n.tagged || n.tag == "null" || n.tag == "bool" {
		f.wrongType(n, what+" is a duration such as 2h")
		return 0, false
	}
	text, negative := n.text, false
	if signed && text != "" && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	d, err := clock.ParseDuration(text)
	if err != nil {
		hint := ""
		if n.tag == "int" {
			hint = n.text + "h"
		}
		f.report(n.pos, "bad-duration", hint, "%s: %v", what, err)
		return 0, false
	}
	if negative {
		d = -d
	}
	return d, true
}

// number reads a number in a range.
func (f *fileCheck) number(n *node, what string, low, high float64) (float64, bool) {
	if n.shape != scalar || n.tagged || n.quoted || n.tag != "int" && n.tag != "float" {
		f.wrongType(n, what+" is a number")
		return 0, false
	}
	v, ok := yamlNumber(n)
	if !ok || v < low || v > high {
		if math.IsInf(low, -1) {
			f.report(n.pos, "bad-value", "", "%s is a finite number", what)
		} else if math.IsInf(high, 1) {
			f.report(n.pos, "bad-value", "", "%s is a number from %s", what, digits(low))
		} else {
			f.report(n.pos, "bad-value", "", "%s is a number from %s to %s", what, digits(low), digits(high))
		}
		return 0, false
	}
	return v, true
}

// boolean reads true or false.
func (f *fileCheck) boolean(n *node, what string) bool {
	if n.shape != scalar || n.tagged || n.quoted || n.tag != "bool" {
		f.wrongType(n, what+" is true or false")
		return false
	}
	return strings.EqualFold(n.text, "true")
}

// yamlNumber gives the value of a YAML number, if it is finite.
func yamlNumber(n *node) (float64, bool) {
	text := strings.ReplaceAll(n.text, "_", "")
	if n.tag == "int" {
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

// words reads one text or a list of them; the nodes come along for their places.
func (f *fileCheck) words(n *node, what string) ([]string, []*node) {
	items := []*node{n}
	if n.shape == sequence {
		items = n.items
		if len(items) == 0 {
			f.report(n.pos, "bad-value", "", "%s is an empty list", what)
		}
	}
	var out []string
	var places []*node
	for _, item := range items {
		text, ok := f.word(item, what)
		switch {
		case !ok:
		case slices.Contains(out, text):
			f.report(item.pos, "bad-value", "", "%q stands here twice", text)
		default:
			out, places = append(out, text), append(places, item)
		}
	}
	return out, places
}

// list opens a list.
func (f *fileCheck) list(n *node, what string) ([]*node, bool) {
	if n.shape != sequence {
		f.wrongType(n, what+" is a list")
		return nil, false
	}
	return n.items, true
}

// value gives what JSON carries.
func (f *fileCheck) value(n *node) any {
	switch {
	case n.tagged:
		f.wrongType(n, "a value is a text, number, list or mapping")
		return nil
	case n.shape == sequence:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			out = append(out, f.value(item))
		}
		return out
	case n.shape == mapping:
		m := f.fields(n, "a value")
		out := map[string]any{}
		for i, key := range n.keys {
			switch {
			case key.shape != scalar || key.tagged:
				f.wrongType(key, "a key is a text")
			case m != nil:
				out[key.text] = f.value(n.values[i])
			}
		}
		return out
	case n.tag == "null":
		return nil
	case n.tag == "bool":
		return strings.EqualFold(n.text, "true")
	case n.tag == "int" || n.tag == "float":
		if v, ok := yamlNumber(n); ok {
			return v
		}
		f.report(n.pos, "bad-value", "", "the number is not finite")
		return nil
	}
	return n.text
}

// digits writes a number without an exponent.
func digits(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
