package expr

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Bounds of an expression, so that no journey can stall a worker.
const (
	maxExprSize  = 4096   // characters
	maxExprDepth = 60     // nesting
	maxExprCost  = 200000 // CEL cost units of one evaluation: some milliseconds
)

// Variables are the variables of an expression, in the order of the manual.
var Variables = []string{"customer", "entry", "event", "event_name", "intent", "vars", "steps", "now"}

// exprFunctions are the functions and macros of an expression; they are used for "did you mean".
var exprFunctions = []string{
	"count",
	"last",
	"duration",
	"timestamp",
	"size",
	"has",
	"all",
	"exists",
	"exists_one",
	"filter",
	"map",
	"matches",
	"contains",
	"startsWith",
	"endsWith",
	"int",
	"double",
	"string",
	"bool",
	"type",
	"dyn",
	"getDate",
	"getDayOfMonth",
	"getDayOfWeek",
	"getDayOfYear",
	"getFullYear",
	"getHours",
	"getMilliseconds",
	"getMinutes",
	"getMonth",
	"getSeconds",
	"orValue",
	"or",
	"optMap",
	"hasValue",
}

// Variables that expressions cannot name. historyVariable passes History to @count and @last; zoneVariable passes the
// customer's time zone to comparisons, for a date that is compared with a timestamp.
const (
	historyVariable = "@history"
	zoneVariable    = "@zone"
)

// exprEnv is the only CEL environment. Creating it costs more than compiling an expression.
var exprEnv = sync.OnceValues(func() (*cel.Env, error) {
	object := cel.MapType(cel.StringType, cel.DynType)
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(adapter{}),
		cel.OptionalTypes(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExprSize),
		cel.ParserRecursionLimit(maxExprDepth),
		cel.RegexProgramSizeLimit(1000),
		cel.Variable("customer", object), cel.Variable("entry", object), cel.Variable("event", object),
		cel.Variable("event_name", cel.StringType),
		cel.Variable("intent", cel.MapType(cel.StringType, cel.DoubleType)),
		cel.Variable("vars", object), cel.Variable("steps", cel.MapType(cel.StringType, object)),
		cel.Variable("now", cel.TimestampType), cel.Variable(historyVariable, cel.DynType), cel.Variable(zoneVariable, zoneType),
	}
	return cel.NewEnv(append(options, exprFunctionOptions()...)...)
})

// exprFunctionOptions declares the functions that rewrite substitutes for CEL's own.
func exprFunctionOptions() []cel.EnvOption {
	dyn, text, number, boolean := cel.DynType, cel.StringType, cel.DoubleType, cel.BoolType
	moment, span := cel.TimestampType, cel.DurationType
	list, dict := cel.ListType(cel.TypeParamType("A")), cel.MapType(cel.TypeParamType("A"), cel.TypeParamType("B"))
	options := []cel.EnvOption{
		cel.Function("@eq", cel.Overload("tabi_eq", []*cel.Type{dyn, dyn, zoneType}, boolean, cel.FunctionBinding(equal))),
		cel.Function("@ne", cel.Overload("tabi_ne", []*cel.Type{dyn, dyn, zoneType}, boolean, cel.FunctionBinding(unequal))),
		cel.Function(
			"@div",
			cel.Overload(
				"tabi_div",
				[]*cel.Type{number, number},
				number,
				cel.BinaryBinding(divide(func(a, b float64) float64 { return a / b })),
			),
		),
		cel.Function("@mod", cel.Overload("tabi_mod", []*cel.Type{number, number}, number, cel.BinaryBinding(divide(math.Mod)))),
		cel.Function("@number", cel.Overload("tabi_number_text", []*cel.Type{text}, number),
			cel.Overload("tabi_number_int", []*cel.Type{cel.IntType}, number),
			cel.Overload("tabi_number_uint", []*cel.Type{cel.UintType}, number),
			cel.Overload("tabi_number_same", []*cel.Type{number}, number), cel.SingletonUnaryBinding(toNumber)),
		cel.Function("@float", cel.Overload("tabi_float", []*cel.Type{cel.TypeParamType("A")}, cel.TypeParamType("A"),
			cel.UnaryBinding(toFloat))),
		cel.Function("@string", cel.Overload("tabi_string", []*cel.Type{dyn}, text, cel.UnaryBinding(toText))),
		cel.Function("@duration", cel.Overload("tabi_duration", []*cel.Type{text}, span, cel.UnaryBinding(toDuration)),
			cel.Overload("tabi_duration_same", []*cel.Type{span}, span, cel.UnaryBinding(toDuration))),
		cel.Function("@timestamp", cel.Overload("tabi_timestamp", []*cel.Type{text}, moment),
			cel.Overload("tabi_timestamp_same", []*cel.Type{moment}, moment),
			cel.Overload("tabi_timestamp_number", []*cel.Type{number}, moment), cel.SingletonUnaryBinding(toTimestamp)),
		cel.Function(
			"@ordered",
			cel.Overload("tabi_ordered_list", []*cel.Type{list}, list),
			cel.Overload("tabi_ordered_map", []*cel.Type{dict}, cel.ListType(cel.TypeParamType("A"))),
			cel.SingletonUnaryBinding(ordered),
		),
		cel.Function(
			"@count",
			cel.Overload("tabi_count", []*cel.Type{dyn, text}, number),
			cel.Overload("tabi_count_within", []*cel.Type{dyn, text, text}, number),
			cel.SingletonFunctionBinding(countEvents),
		),
		cel.Function("@last", cel.Overload("tabi_last", []*cel.Type{dyn, text}, moment, cel.BinaryBinding(lastEvent))),
	}
	for name, holds := range map[string]func(int) bool{
		"@lt": func(c int) bool { return c < 0 }, "@le": func(c int) bool { return c <= 0 },
		"@gt": func(c int) bool { return c > 0 }, "@ge": func(c int) bool { return c >= 0 },
	} {
		id := "tabi_" + name[1:]
		options = append(options, cel.Function(
			name,
			cel.Overload(id+"_number", []*cel.Type{number, number, zoneType}, boolean),
			cel.Overload(id+"_text", []*cel.Type{text, text, zoneType}, boolean),
			cel.Overload(id+"_bool", []*cel.Type{boolean, boolean, zoneType}, boolean),
			cel.Overload(id+"_span", []*cel.Type{span, span, zoneType}, boolean),
			cel.Overload(id+"_moment", []*cel.Type{moment, moment, zoneType}, boolean),
			cel.Overload(id+"_moment_text", []*cel.Type{moment, text, zoneType}, boolean),
			cel.Overload(id+"_text_moment", []*cel.Type{text, moment, zoneType}, boolean),
			cel.SingletonFunctionBinding(order(holds)),
		))
	}
	return append(options, accessorOptions()...)
}

func divide(by func(a, b float64) float64) func(a, b ref.Val) ref.Val {
	return func(a, b ref.Val) ref.Val {
		x, okX := toFloat(a).(types.Double)
		y, okY := toFloat(b).(types.Double)
		switch {
		case !okX || !okY:
			return types.NewErr("cannot divide a %s by a %s", a.Type().TypeName(), b.Type().TypeName())
		case y == 0:
			return types.NewErr("division by zero")
		}
		return types.Double(by(float64(x), float64(y)))
	}
}

func toDuration(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.Duration:
		return v
	case types.String:
		d, err := clock.ParseDuration(strings.TrimPrefix(string(v), "-"))
		if err != nil {
			return types.NewErr("%v", err)
		}
		if strings.HasPrefix(string(v), "-") {
			d = -d
		}
		return types.Duration{Duration: d}
	}
	return types.NewErr("no duration in a %s", v.Type().TypeName())
}

func toTimestamp(v ref.Val) ref.Val {
	switch v := toFloat(v).(type) {
	case types.Timestamp:
		return v
	case types.String:
		at, err := time.Parse(time.RFC3339Nano, string(v))
		if err != nil {
			return types.NewErr("not a timestamp: write it as 2026-03-02T10:00:00Z")
		}
		return types.Timestamp{Time: at.UTC()}
	case types.Double:
		if math.Abs(float64(v)) > 253402300799 {
			return types.NewErr("seconds out of range")
		}
		return types.Timestamp{Time: time.UnixMicro(int64(float64(v) * 1e6)).UTC()}
	}
	return types.NewErr("no timestamp in a %s", v.Type().TypeName())
}

// adapter converts Go values to CEL values. Every number becomes a double.
type adapter struct{}

func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case nil:
		return types.NullValue
	case time.Time:
		return types.Timestamp{Time: v.UTC()} // a local time would print in the machine's zone
	case ref.Val:
		return v
	case float64, json.Number:
		return numberValue(v)
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case map[string]map[string]any:
		return types.NewDynamicMap(a, v)
	case map[string]float64:
		return types.NewDynamicMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	case int:
		return types.Double(v)
	case int64:
		return toNumber(types.Int(v))
	case int32:
		return types.Double(v)
	case uint64:
		return toNumber(types.Uint(v))
	case float32:
		return types.Double(v)
	case History:
		return historyValue{v}
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}
