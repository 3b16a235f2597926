package syntax

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/number"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Printer prints the fields of one mapping.
type Printer struct {
	// Arm returns the steps of an arm, by its name in ids and its target. It is called in the order of the program.
	Arm func(name string, target int) []*yaml.Node

	token string // as in Reader
}

// Part returns a part as a mapping.
func (p *Printer) Part(part Part) *yaml.Node {
	out := NewMap()
	p.Into(out, part.Fields())
	return out
}

// Into adds fields to a mapping.
func (p *Printer) Into(out *yaml.Node, fields []Field) {
	for i := range fields {
		Add(out, fields[i].Key, fields[i].Value.Print(p, &fields[i]))
	}
}

func (p *Printer) inside(token string) *Printer { return &Printer{Arm: p.Arm, token: token} }

// arm returns the name of an arm in ids.
func (p *Printer) arm(f *Field) string {
	if p.token != "" {
		return p.token
	}
	return f.Key
}

func (p *Printer) steps(name string, target int) *yaml.Node {
	return NewList(p.Arm(name, target)...)
}

// NewMap returns an empty mapping. Encode writes it in flow style as long as it is empty.
func NewMap() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

// NewList returns a list.
func NewList(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

// Add adds a key to a mapping, unless the value is nil.
func Add(m *yaml.Node, key string, value *yaml.Node) {
	if value != nil {
		m.Content = append(m.Content, String(key), value)
	}
}

// Plain returns a scalar without quotes. The caller makes sure that YAML reads it as the value that is meant.
func Plain(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

var (
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*$`)
	otherType = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

// maxPlain is the maximum length of a string without quotes, in bytes.
const maxPlain = 1000

// String returns a string, without quotes if every YAML reads it as the same string.
func String(text string) *yaml.Node {
	if plainText.MatchString(text) && !otherType.MatchString(text) && len(text) <= maxPlain {
		return Plain(text)
	}
	return Quoted(text)
}

// Quoted returns a string in double quotes.
func Quoted(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}
}

// Expr returns an expression, always in quotes, so that YAML cannot mangle it; nil if it is empty.
func Expr(e expr.Expr) *yaml.Node {
	if e == "" {
		return nil
	}
	return Quoted(string(e))
}

// Words returns one string, or a list of strings on one line; nil for none.
func Words(words []string) *yaml.Node {
	switch len(words) {
	case 0:
		return nil
	case 1:
		return String(words[0])
	}
	return Strings(words)
}

// Strings returns a list of strings on one line.
func Strings(words []string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, word := range words {
		out.Content = append(out.Content, String(word))
	}
	return out
}

// Number returns a number that YAML reads as the same number.
func Number(v float64) *yaml.Node {
	switch {
	case v == 0 && math.Signbit(v):
		return Plain("-0.0")
	case math.Abs(v) < 1e15:
		return Plain(strconv.FormatFloat(v, 'f', -1, 64))
	}
	return Plain(strconv.FormatFloat(v, 'g', -1, 64))
}

// Flow returns a JSON value on one line.
func Flow(value any) *yaml.Node {
	switch v := value.(type) {
	case nil:
		return Plain("null")
	case bool:
		return Plain(strconv.FormatBool(v))
	case float64:
		return Number(v)
	case json.Number:
		return Plain(string(v))
	case string:
		return Quoted(v)
	case number.List:
		return Flow([]any(v))
	case number.Object:
		return Flow(map[string]any(v))
	case []any:
		out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range v {
			out.Content = append(out.Content, Flow(item))
		}
		return out
	case map[string]any:
		out := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			Add(out, key, Flow(v[key]))
		}
		return out
	}
	return Quoted(fmt.Sprint(value))
}
