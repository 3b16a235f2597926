package journey

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var setKind = Kind{
	Name:   "set",
	Family: Acting,
	Icon:   "M3 13l.8-3L11 2.800l2.200 2.200L6 12.200z",
	Form:   "`set: {vars.x: <CEL>, customer.stage: <CEL>}`",
	Doc: "Sets variables of the enrollment and traits of the customer, in the order of the file. A missing value leaves its target " +
		"unchanged.",
	Example: "- set: {vars.tries: vars.tries + 1, customer.stage: \"'trial'\"}\n",
	New:     func() Spec { return &Set{} },
}

// VariableName matches the name of a variable.
var VariableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Assignment is one line of set; Target is "vars" or "customer", Name the dotted path in it.
type Assignment struct {
	Target string    `json:"target"`
	Name   string    `json:"name"`
	Value  expr.Expr `json:"value"`
}

// Item implements Item.
func (a Assignment) Item() (name, text string) { return a.Target + "." + a.Name, string(a.Value) }

// Set assigns values in the order of the file.
type Set struct {
	Assign []Assignment `json:"assign" key:"set"`
}

// Kind implements Spec.
func (*Set) Kind() string { return "set" }

// Fields implements Spec.
func (s *Set) Fields() []syntax.Field {
	return []syntax.Field{{Key: "set", Value: assignments{s}}}
}

// Describe implements Spec.
func (s *Set) Describe() Description {
	d := Description{Title: "set " + human.Count(len(s.Assign), "value", "values"), Arms: []Arm{{}}}
	for _, a := range s.Assign {
		d.Lines = append(d.Lines, a.Target+"."+a.Name+" = "+short(a.Value))
		d.Full = append(d.Full, a.Target+"."+a.Name+" = "+string(a.Value))
		d.Sets = append(d.Sets, a.Target+"."+a.Name)
		d.Exprs = append(d.Exprs, Expression{a.Target + "." + a.Name, a.Value, expr.Any})
	}
	if len(d.Lines) == 1 {
		d.Title, d.Lines = d.Lines[0], nil
	}
	return d
}

// assignments is a mapping of targets to expressions, in the order of the file.
type assignments struct{ *Set }

// Read implements syntax.Value.
func (s assignments) Read(r *syntax.Reader, _ *syntax.Field, n *source.Node) {
	m := r.Mapping(n, "set")
	if m == nil {
		return
	}
	if len(n.Keys) == 0 {
		r.Report(n.Pos, "bad-value", "", "set sets nothing")
	}
	for i, key := range n.Keys {
		if m.Index(key.Text) != i {
			continue // a duplicate
		}
		match := source.SetTarget.FindStringSubmatch(key.Text)
		if match == nil && m.Cut(i, false) {
			continue
		}
		if match == nil {
			r.Report(key.Pos, "unknown-key", likeTarget(key.Text), "set assigns vars.x and customer.x, not %q", key.Text)
			continue
		}
		if match[1] == "customer" && (match[2] == "id" || strings.HasPrefix(match[2], "id.")) {
			r.Report(key.Pos, "bad-value", "", "customer.id is the id by which tabi knows the customer: it cannot be set")
			continue
		}
		switch first, _, _ := strings.Cut(match[2], "."); match[1] {
		case "vars":
			r.Variable(first)
		case "customer":
			r.Trait(key.At(len("customer.")), first)
		}
		s.Assign = append(s.Assign, Assignment{Target: match[1], Name: match[2], Value: r.Expr(n.Values[i], expr.Any)})
	}
}

// likeTarget returns the target that a key probably means, or "".
func likeTarget(key string) string {
	if VariableName.MatchString(key) {
		return "vars." + key
	}
	if root, rest, ok := strings.Cut(key, "."); ok {
		if better := human.Suggest(root, []string{"vars", "customer"}); better != "" {
			return better + "." + rest
		}
	}
	return ""
}

// Print implements syntax.Value.
func (s assignments) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	out := syntax.NewMap()
	for _, a := range s.Assign {
		syntax.Add(out, a.Target+"."+a.Name, syntax.Expr(a.Value))
	}
	return out
}

// Schema implements syntax.Value.
func (assignments) Schema(b *shape.Builder) *shape.Schema {
	target := &shape.Schema{
		Pattern: `^(vars|customer)\.[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`, // source.SetTarget
		Words:   "The target of set is vars.x or customer.x.",
	}
	s := shape.MapOf(target, b.CEL())
	s.MinProperties = 1
	return s
}

// Expressions implements syntax.Expressive.
func (assignments) Expressions() syntax.Expressions { return syntax.Members }
