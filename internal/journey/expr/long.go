package expr

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/tabi-journeys/tabi/internal/number"
)

// long is a number that a double would change (see package number): an order 820982911946154508 is not the order 820982911946154509.
// It compares and prints exactly. Arithmetic converts it to a double: rewrite wraps the operands in @float.
type long struct{ digits json.Number }

// ConvertToNative implements ref.Val.
func (l long) ConvertToNative(to reflect.Type) (any, error) {
	if reflect.TypeOf(l.digits).AssignableTo(to) {
		return l.digits, nil
	}
	return nil, errors.New("the number has too many digits")
}

// ConvertToType implements ref.Val.
func (l long) ConvertToType(to ref.Type) ref.Val {
	switch to {
	case types.StringType:
		return types.String(l.digits)
	case types.DoubleType:
		return toFloat(l)
	case types.IntType:
		if n, err := strconv.ParseInt(string(l.digits), 10, 64); err == nil {
			return types.Int(n)
		}
	case types.UintType:
		if n, err := strconv.ParseUint(string(l.digits), 10, 64); err == nil {
			return types.Uint(n)
		}
	case types.TypeType:
		return types.DoubleType
	}
	return types.NewErr("the number %s is no %s", l.digits, to.TypeName())
}

// Equal implements ref.Val. A double never equals a long number: it would have been read as one.
func (l long) Equal(other ref.Val) ref.Val {
	o, ok := other.(long)
	return types.Bool(ok && o.digits == l.digits)
}

// Type implements ref.Val: designers know one kind of number.
func (long) Type() ref.Type { return types.DoubleType }

// Value implements ref.Val.
func (l long) Value() any { return l.digits }

func isLong(v ref.Val) bool {
	_, is := v.(long)
	return is
}

// numberValue returns a number of package number as a CEL value.
func numberValue(v any) ref.Val {
	switch v := v.(type) {
	case float64:
		return types.Double(v)
	case json.Number:
		read, err := number.Read(v)
		if err != nil {
			return types.NewErr("%v", err)
		}
		if f, ok := read.(float64); ok {
			return types.Double(f)
		}
		return long{read.(json.Number)}
	}
	return types.NewErr("not a number")
}

// native returns a CEL number as a number of package number, and nil for anything else.
func native(v ref.Val) any {
	switch v := v.(type) {
	case types.Double:
		return float64(v)
	case types.Int:
		return whole(json.Number(strconv.FormatInt(int64(v), 10)))
	case types.Uint:
		return whole(json.Number(strconv.FormatUint(uint64(v), 10)))
	case long:
		return v.digits
	}
	return nil
}

func whole(digits json.Number) any {
	v, err := number.Read(digits)
	if err != nil {
		return nil
	}
	return v
}

// toNumber is @number: a whole number of CEL, or the digits of a literal, as a number of expressions.
func toNumber(v ref.Val) ref.Val {
	if text, ok := v.(types.String); ok {
		return numberValue(json.Number(text))
	}
	if n := native(v); n != nil {
		return numberValue(n)
	}
	return types.NewErr("no number in a %s", v.Type().TypeName())
}

// toFloat is @float: an operand of arithmetic. Anything but a long number stays as it is.
func toFloat(v ref.Val) ref.Val {
	if l, ok := v.(long); ok {
		f, _ := number.Float(l.digits)
		return types.Double(f)
	}
	return v
}

// toText is @string: CEL's string(), which would print 1234567 as 1.234567e+06.
func toText(v ref.Val) ref.Val {
	if text, ok := number.Text(native(v)); ok {
		return types.String(text)
	}
	return v.ConvertToType(types.StringType)
}
