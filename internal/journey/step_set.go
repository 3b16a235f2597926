package journey

import (
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
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

// Describe implements Spec.
func (s *Set) Describe() Description {
	d := Description{Title: "set " + human.Count(len(s.Assign), "value", "values"), Arms: []Arm{{}}}
	for _, a := range s.Assign {
		d.Lines = append(d.Lines, a.Target+"."+a.Name+" = "+short(a.Value))
		d.Full = append(d.Full, a.Target+"."+a.Name+" = "+string(a.Value))
		d.Exprs = append(d.Exprs, Expression{a.Target + "." + a.Name, a.Value, expr.Any})
	}
	if len(d.Lines) == 1 {
		d.Title, d.Lines = d.Lines[0], nil
	}
	return d
}
