package journey

import "github.com/tabi-journeys/tabi/internal/journey/expr"

var setKind = Kind{
	Name: "set",
	Form: "`set: {vars.x: <CEL>, customer.stage: <CEL>}`",
	Doc: "Sets variables of the enrollment and traits of the customer, in the order of the file. A missing value leaves its target " +
		"unchanged.",
	Example: "- set: {vars.tries: vars.tries + 1, customer.stage: \"'trial'\"}\n",
	New:     func() Spec { return &Set{} },
}

// Assignment is one line of set; Target is "vars" or "customer", Name the dotted path in it.
type Assignment struct {
	Target string    `json:"target"`
	Name   string    `json:"name"`
	Value  expr.Expr `json:"value"`
}

// Set assigns values in the order of the file.
type Set struct {
	Assign []Assignment `json:"assign"`
}

// Kind implements Spec.
func (*Set) Kind() string { return "set" }

// Describe implements Spec.
func (s *Set) Describe() Description {
	d := Description{GoesOn: true}
	for _, a := range s.Assign {
		d.Exprs = append(d.Exprs, Expression{a.Target + "." + a.Name, a.Value, expr.Any})
	}
	return d
}
