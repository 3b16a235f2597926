package expr

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/number"
)

// accessors are CEL's functions that read a part of a timestamp, in UTC or in the zone of their argument. CEL's own ask
// the operating system for the zone, "Local" included, so that two workers may answer differently; these ask localtime. A
// zone that is unknown is an error, which makes a condition false.
var accessors = map[string]func(time.Time) int{
	"getFullYear":     time.Time.Year,
	"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
	"getDate":         time.Time.Day,
	"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
	"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
	"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
	"getHours":        time.Time.Hour,
	"getMinutes":      time.Time.Minute,
	"getSeconds":      time.Time.Second,
	"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) },
}

// spans are the accessors that a duration has too: the whole of it in that unit, but for milliseconds, which are the rest.
var spans = map[string]func(time.Duration) int64{
	"getHours":        func(d time.Duration) int64 { return int64(d / time.Hour) },
	"getMinutes":      func(d time.Duration) int64 { return int64(d / time.Minute) },
	"getSeconds":      func(d time.Duration) int64 { return int64(d / time.Second) },
	"getMilliseconds": func(d time.Duration) int64 { return int64(d/time.Millisecond) % 1000 },
}

// accessorOptions declares the functions that rewrite substitutes for CEL's accessors.
func accessorOptions() []cel.EnvOption {
	var options []cel.EnvOption
	for name, part := range accessors {
		id := "tabi_" + name
		overloads := []cel.FunctionOpt{
			cel.Overload(id, []*cel.Type{cel.TimestampType}, cel.DoubleType),
			cel.Overload(id+"_in", []*cel.Type{cel.TimestampType, cel.StringType}, cel.DoubleType),
		}
		if spans[name] != nil {
			overloads = append(overloads, cel.Overload(id+"_span", []*cel.Type{cel.DurationType}, cel.DoubleType))
		}
		options = append(options, cel.Function("@"+name, append(overloads, cel.SingletonFunctionBinding(access(name, part)))...))
	}
	return options
}

func access(name string, part func(time.Time) int) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		switch v := args[0].(type) {
		case types.Duration:
			if whole := spans[name]; whole != nil && len(args) == 1 {
				return types.Double(whole(v.Duration))
			}
		case types.Timestamp:
			zone := time.UTC
			if len(args) == 2 {
				text, ok := args[1].(types.String)
				if !ok {
					return types.NewErr("%s needs the name of a time zone, not a %s", name, args[1].Type().TypeName())
				}
				if zone, ok = localtime.Zone(string(text)); !ok {
					return types.NewErr("%q is not a time zone", string(text))
				}
			}
			return types.Double(part(v.Time.In(zone)))
		}
		return types.NewErr("%s cannot be applied to a %s", name, args[0].Type().TypeName())
	}
}

// zoneValue wraps a time zone as a CEL value.
type zoneValue struct{ *time.Location }

var zoneType = cel.OpaqueType("zone")

func (zoneValue) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("the time zone is not a value")
}
func (zoneValue) ConvertToType(ref.Type) ref.Val { return types.NewErr("the time zone is not a value") }
func (zoneValue) Equal(ref.Val) ref.Val          { return types.False }
func (zoneValue) Type() ref.Type                 { return zoneType }
func (z zoneValue) Value() any                   { return z.Location }

// zoneOf returns the customer's time zone, UTC if it is unknown.
func zoneOf(customer map[string]any) zoneValue {
	name, _ := customer["timezone"].(string)
	if zone, ok := localtime.Zone(name); ok {
		return zoneValue{zone}
	}
	return zoneValue{time.UTC}
}

// meet converts a text that is compared with a timestamp to a timestamp: RFC 3339, or a date, which is midnight of that day
// in the customer's zone. Two texts stay texts.
func meet(a, b, zone ref.Val) (ref.Val, ref.Val) {
	z, ok := zone.(zoneValue)
	if !ok {
		return a, b
	}
	if text, ok := b.(types.String); ok && a.Type() == types.TimestampType {
		if at, ok := localtime.Moment(string(text), z.Location); ok {
			return a, types.Timestamp{Time: at}
		}
	}
	if text, ok := a.(types.String); ok && b.Type() == types.TimestampType {
		if at, ok := localtime.Moment(string(text), z.Location); ok {
			return types.Timestamp{Time: at}, b
		}
	}
	return a, b
}

func equal(args ...ref.Val) ref.Val {
	a, b := meet(args[0], args[1], args[2])
	if x, ok := a.(types.Timestamp); ok {
		if y, ok := b.(types.Timestamp); ok {
			return types.Bool(x.Time.Equal(y.Time))
		}
	}
	return types.Equal(a, b)
}

func unequal(args ...ref.Val) ref.Val {
	if same, ok := equal(args...).(types.Bool); ok {
		return !same
	}
	return types.MaybeNoSuchOverloadErr(args[0])
}

func order(holds func(int) bool) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		a, b := meet(args[0], args[1], args[2])
		if c, ok := number.Compare(native(a), native(b)); ok && (isLong(a) || isLong(b)) {
			return types.Bool(holds(c))
		}
		if comparer, ok := a.(traits.Comparer); ok {
			if c, ok := comparer.Compare(b).(types.Int); ok {
				return types.Bool(holds(int(c)))
			}
		}
		return types.NewErr("cannot compare a %s with a %s", a.Type().TypeName(), b.Type().TypeName())
	}
}

// comparisons are the functions that rewrite substitutes for the operators that compare.
var comparisons = []string{"@eq", "@ne", "@lt", "@le", "@gt", "@ge"}

// zoned reports whether a comparison may need the customer's time zone: one side is a timestamp, and the other may be a
// text. Such an expression depends on the customer, though it need not name them.
func zoned(tree *ast.AST) bool {
	needs, stamped, loose := false, false, false
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		stamped = stamped || tree.GetType(e.ID()).Kind() == types.TimestampKind
		if e.Kind() != ast.CallKind || !slices.Contains(comparisons, e.AsCall().FunctionName()) {
			return
		}
		args := e.AsCall().Args()
		a, b := tree.GetType(args[0].ID()).Kind(), tree.GetType(args[1].ID()).Kind()
		mayBeText := func(e ast.Expr, k types.Kind) bool {
			if e.Kind() == ast.LiteralKind && k == types.StringKind {
				text, _ := e.AsLiteral().(types.String)
				_, err := time.Parse(time.RFC3339Nano, string(text))
				return err != nil // a literal with a zone of its own needs none
			}
			return k == types.StringKind || k == types.DynKind || k == types.AnyKind || k == types.TypeParamKind
		}
		switch {
		case a == types.TimestampKind:
			needs = needs || mayBeText(args[1], b)
		case b == types.TimestampKind:
			needs = needs || mayBeText(args[0], a)
		default:
			loose = loose || a == types.DynKind || b == types.DynKind
		}
	}))
	return needs || loose && stamped
}

// LiteralText is a literal text that may be the value of an expression, with the offset of its first character.
type LiteralText struct {
	Value  string
	Offset int
}

// resultTexts returns the literal texts that may be the value of the whole: itself, or a way of `a ? b : c`. An empty text
// there says on purpose that there is no value.
func resultTexts(tree *ast.AST, e ast.Expr, runes []rune) []LiteralText {
	switch e.Kind() {
	case ast.LiteralKind:
		if text, ok := e.AsLiteral().(types.String); ok {
			return []LiteralText{{string(text), offsetIn(tree, e, runes)}}
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == conditional {
			ways := append(resultTexts(tree, call.Args()[1], runes), resultTexts(tree, call.Args()[2], runes)...)
			return slices.DeleteFunc(ways, func(t LiteralText) bool { return t.Value == "" })
		}
	}
	return nil
}

func offsetIn(tree *ast.AST, e ast.Expr, runes []rune) int {
	if at, ok := tree.SourceInfo().GetOffsetRange(e.ID()); ok {
		return min(max(int(at.Start), 0), len(runes))
	}
	return 0
}
