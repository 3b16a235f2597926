package journey

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

var emitKind = Kind{
	Name:   "emit",
	Family: Acting,
	Icon:   "M9 2L4 9h4l-1 5 5-7H8z",
	Form:   "`emit: <event name>`; optional `properties: {k: <CEL>}`",
	Doc: "Creates an event of this customer. Every journey sees it, including this one: it can enter journeys, satisfy waits and reach " +
		"goals. A property whose value is missing is left out. A chain of emitted events ends after 10.",
	Example: "- emit: Cart Abandoned\n  properties: {cart_id: entry.cart_id, items: size(entry.items), reason: \"'silence'\"}\n",
	New:     func() Spec { return &Emit{} },
}

// Emit creates an event of this customer. A property without a value is left out.
type Emit struct {
	Event      string               `json:"event"`
	Properties map[string]expr.Expr `json:"properties,omitempty"`
}

// Kind implements Spec.
func (*Emit) Kind() string { return "emit" }

// Fields implements Spec.
func (e *Emit) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "emit", What: "the event of emit", Value: syntax.Word{To: &e.Event}},
		{
			Key: "properties", Doc: "Properties of the event. A property whose value is missing is left out.",
			Value: syntax.CELs{To: &e.Properties, Words: "the name of a property is a text"},
		},
	}
}

// Describe implements Spec.
func (e *Emit) Describe() Description {
	d := Description{Title: "event " + e.Event, Exprs: sortedExprs(e.Properties), Arms: []Arm{{}}}
	if len(e.Properties) > 0 {
		d.Lines = []string{"with " + strings.Join(slices.Sorted(maps.Keys(e.Properties)), ", ")}
	}
	return d
}

// valid checks everything in the spec except its jumps.
func (s *Emit) valid() error {
	if strings.TrimSpace(s.Event) == "" {
		return errors.New("an event without a name")
	}
	return nil
}
