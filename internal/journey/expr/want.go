package expr

import (
	"slices"

	"cel.dev/cel-go/common/types"
)

// Want is the type an expression must have.
type Want int

const (
	Any Want = iota
	Bool
	Number
	Text   // a text, number or boolean
	Moment // a timestamp, or a string that holds one
)

// Wants lists for each Want the CEL kinds that fit, and its name in messages.
var Wants = map[Want]struct {
	kinds []types.Kind
	Words string
}{
	Bool:   {[]types.Kind{types.BoolKind}, "expected true or false"},
	Number: {[]types.Kind{types.DoubleKind}, "expected a number"},
	Text:   {[]types.Kind{types.StringKind, types.DoubleKind, types.BoolKind}, "expected a text or a number"},
	Moment: {[]types.Kind{types.TimestampKind, types.StringKind}, "expected a timestamp or a date"},
}

// Fits reports whether the expression's type can satisfy w.
func (c *Compiled) Fits(w Want) bool {
	switch kind := c.Kind.Kind(); {
	case w == Any, kind == types.DynKind, kind == types.AnyKind, kind == types.TypeParamKind:
		return true
	default:
		return slices.Contains(Wants[w].kinds, kind)
	}
}

// Timestamp reports whether the value is always a timestamp.
func (c *Compiled) Timestamp() bool { return c.Kind.Kind() == types.TimestampKind }
