package syntax

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Steps is an arm: a nested list of steps. At its end the journey continues after the step that has the arm.
type Steps struct {
	To      *int
	Instead *int // the arm, read before, whose target an absent arm shares; nil: it leads past the step
}

// Arm returns the field of an arm. when says when it is taken, as in "to take when no arm is true".
func Arm(key, when string, arm Steps) Field {
	return Field{Key: key, Doc: "Steps " + when + "; then the journey continues after the step.", Value: arm}
}

// Read implements Value.
func (v Steps) Read(r *Reader, f *Field, n *source.Node) { r.Steps(n, r.arm(f), v.To, nil) }

// Absent sets the target of an arm that is not there. See Instead.
func (v Steps) Absent(r *Reader, f *Field) { r.Steps(nil, r.arm(f), v.To, v.Instead) }

// Print implements Value.
func (v Steps) Print(p *Printer, f *Field) *yaml.Node {
	if v.Instead != nil {
		if *v.To == *v.Instead {
			return nil
		}
		return p.steps(p.arm(f), *v.To) // an arm without steps leads past the step
	}
	if steps := p.steps(p.arm(f), *v.To); len(steps.Content) > 0 {
		return steps
	}
	return nil
}

// Schema implements Value.
func (Steps) Schema(*shape.Builder) *shape.Schema { return shape.Ref(shape.Steps) }

// StepsByName is a mapping of names to arms.
type StepsByName struct {
	To    *map[string]*int
	When  string // when an arm is taken, as for Arm
	Words string // what is reported about a key that is no name
}

// Read implements Value.
func (v StepsByName) Read(r *Reader, f *Field, n *source.Node) {
	if r.Mapping(n, f.what()) == nil {
		return
	}
	*v.To = map[string]*int{}
	for i, key := range n.Keys {
		if key.Shape != source.Scalar || !key.IsText() || key.Text == "" {
			r.Report(key.Pos, "bad-value", "", "%s", v.Words)
			continue
		}
		if (*v.To)[key.Text] == nil {
			(*v.To)[key.Text] = new(int)
			r.Steps(n.Values[i], key.Text, (*v.To)[key.Text], nil)
		}
	}
}

// Print implements Value.
func (v StepsByName) Print(p *Printer, _ *Field) *yaml.Node {
	if len(*v.To) == 0 {
		return nil
	}
	// Arms with steps are in the order of the program. The order of the others does not matter.
	out, by := NewMap(), *v.To
	for _, name := range slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(*by[a], *by[b]), cmp.Compare(a, b))
	}) {
		Add(out, name, p.steps(name, *by[name]))
	}
	return out
}

// Schema implements Value.
func (v StepsByName) Schema(b *shape.Builder) *shape.Schema {
	arm := Arm("", v.When, Steps{})
	return shape.MapOf(&shape.Schema{MinLength: 1}, arm.Value.Schema(b).With(arm.Doc))
}

// element is a pointer to an element of a list that is a part.
type element[T any] interface {
	*T
	Part
}

// List is a list of mappings. The ids of the steps in the n-th mapping contain n, from 1.
type List[T any, P element[T]] struct {
	To   *[]T
	Bare *Bare // not nil: a single mapping may be written without the list
}

// Bare says what a text in the place of a mapping probably means.
type Bare struct {
	Words string // what is reported after the name of the mapping; %s is the text
	Hint  string // what to write; %s is the text
}

// ListOf returns a List without Bare. It infers the type parameters.
func ListOf[T any, P element[T]](to *[]T) List[T, P] { return List[T, P]{To: to} }

// Read implements Value.
func (v List[T, P]) Read(r *Reader, f *Field, n *source.Node) {
	items := []*source.Node{n}
	switch {
	case v.Bare.means(r, n, f.Key):
		return
	case v.Bare == nil || n.Shape != source.Map:
		var ok bool
		if items, ok = r.List(n, f.Key); ok && len(items) == 0 {
			r.Report(n.Pos, "bad-value", "", "%s has no arm", f.Key)
		}
	}
	*v.To = make([]T, len(items)) // the arms keep pointers into it
	for i, item := range items {
		what, arm := "an arm of "+f.Key, r.inside(strconv.Itoa(i+1))
		if v.Bare.means(r, item, what) {
			arm.absent(P(&(*v.To)[i]))
			continue
		}
		arm.Part(item, what, P(&(*v.To)[i]))
	}
}

// means returns whether n is a text in the place of a mapping, and reports it.
func (b *Bare) means(r *Reader, n *source.Node, what string) bool {
	if b == nil || !n.IsText() || n.Text == "" {
		return false
	}
	r.Report(n.Pos, "wrong-type", strings.Replace(b.Hint, "%s", n.Text, 1), "%s %s", what, strings.Replace(b.Words, "%s", n.Text, 1))
	return true
}

// Print implements Value.
func (v List[T, P]) Print(p *Printer, _ *Field) *yaml.Node {
	out := NewList()
	for i := range *v.To {
		out.Content = append(out.Content, p.inside(strconv.Itoa(i+1)).Part(P(&(*v.To)[i])))
	}
	return out
}

// Schema implements Value.
func (v List[T, P]) Schema(b *shape.Builder) *shape.Schema {
	one := Schema(b, P(new(T)))
	if v.Bare != nil {
		return shape.AnyOf(one, shape.List(one, 1))
	}
	return shape.List(one, 1)
}

// Inner returns the fields of a mapping in the list.
func (v List[T, P]) Inner() []Field { return P(new(T)).Fields() }
