package expr

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Evaluator is a compiled expression that can run. Its CEL program is created on first use.
type Evaluator struct {
	*Compiled
	plan func() (cel.Program, error)
}

// NewEvaluator compiles an expression through the process-wide cache.
func NewEvaluator(source Expr) (*Evaluator, error) {
	entry := Compile(source)
	if len(entry.Issues) > 0 {
		return nil, fmt.Errorf("expression %q: %s", source, entry.Issues[0].Message)
	}
	return entry.Evaluator, nil
}

// planned returns the evaluator of a compiled expression.
func planned(expr *Compiled) *Evaluator {
	return &Evaluator{Compiled: expr, plan: sync.OnceValues(func() (cel.Program, error) {
		env, err := exprEnv()
		if err != nil {
			return nil, err
		}
		return env.Program(expr.ast, cel.CostLimit(maxExprCost), cel.EvalOptions(cel.OptOptimize))
	})}
}

// exprCache caches compiled expressions for the process, because folders repeat them.
var exprCache = struct {
	sync.Mutex
	entries map[Expr]exprEntry
}{entries: map[Expr]exprEntry{}}

// exprEntry is an expression's evaluator or its issues.
type exprEntry struct {
	Evaluator *Evaluator
	Issues    []Issue
}

// maxCachedExprs bounds exprCache. When the cache is full, it is emptied.
const maxCachedExprs = 4096

// Compile returns the evaluator of an expression, or its issues, from the process-wide cache. A new expression is added to it.
func Compile(source Expr) exprEntry {
	exprCache.Lock()
	entry, ok := exprCache.entries[source]
	exprCache.Unlock()
	if ok {
		return entry
	}
	expr, issues := compileExpr(source)
	entry.Issues = issues
	if expr != nil {
		entry.Evaluator = planned(expr)
	}
	exprCache.Lock()
	if len(exprCache.entries) >= maxCachedExprs {
		clear(exprCache.entries)
	}
	exprCache.entries[source] = entry
	exprCache.Unlock()
	return entry
}

// ErrMissing is returned if an expression is absent, or evaluates to an optional without a value.
var ErrMissing = errors.New("the value is missing")

// IsMissing reports whether err says that what an expression reads is not there, as opposed to being there and unusable.
func IsMissing(err error) bool {
	return errors.Is(err, ErrMissing) ||
		err != nil && (strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), "no such attribute"))
}

// Activation returns the variables in the form CEL needs.
func Activation(v Vars) map[string]any {
	steps := make(map[string]any, len(v.Steps))
	for id, result := range v.Steps {
		steps[Key(id)] = orEmpty(result)
	}
	vars := map[string]any{
		"customer": orEmpty(v.Customer), "entry": orEmpty(v.Entry), "vars": orEmpty(v.Vars), "steps": steps,
		"now": types.Timestamp{Time: v.Now.UTC()}, historyVariable: historyValue{v.History},
		zoneVariable: zoneOf(v.Customer),
	}
	if v.Event != nil {
		vars["event"] = v.Event
		vars["event_name"] = v.EventName
	} else if v.EventName != "" {
		vars["event_name"] = v.EventName
	}
	if v.Intent != nil {
		vars["intent"] = intentVars(v.Intent)
	} else {
		vars["intent"] = map[string]any{}
	}
	return vars
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// Eval runs the expression. It never panics.
func (e *Evaluator) Eval(v Vars) (value any, err error) { return e.EvalIn(Activation(v), v.Meter) }

// errOverBudget is returned once a Meter is over.
var errOverBudget = errors.New("the conditions of this request cost too much to evaluate")

// EvalIn is Eval with the result of Activation; meter may be nil.
func (e *Evaluator) EvalIn(variables map[string]any, meter *Meter) (value any, err error) {
	if meter.Over() {
		return nil, errOverBudget
	}
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, errors.New("the expression cannot be evaluated")
		}
	}()
	program, err := e.plan()
	if err != nil {
		return nil, err
	}
	result, details, err := program.Eval(variables)
	switch {
	case details != nil && details.ActualCost() != nil:
		meter.add(*details.ActualCost())
	case err != nil: // it may have ended at the limit of one expression
		meter.add(maxExprCost)
	}
	if err != nil {
		return nil, err
	}
	return toGo(result, 0)
}

// toGo converts a result to a JSON value, a time.Time or a time.Duration.
func toGo(v ref.Val, depth int) (any, error) {
	if depth > maxResultDepth {
		return nil, errors.New("the value is nested too deeply")
	}
	switch v := v.(type) {
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, errors.New("the number is not finite")
		}
		return float64(v), nil
	case types.Int, types.Uint, long:
		return native(v), nil
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Bytes:
		return string(v), nil
	case types.Null:
		return nil, nil
	case types.Timestamp:
		return v.Time.UTC(), nil
	case types.Duration:
		return v.Duration, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, ErrMissing
		}
		return toGo(v.GetValue(), depth+1)
	case *types.Err:
		return nil, v
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			name, ok := toText(key).(types.String)
			item, found := v.Find(key)
			if !ok || !found {
				return nil, ErrMissing
			}
			value, err := toGo(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[string(name)] = value
		}
		return out, nil
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			value, err := toGo(it.Next(), depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	case ref.Type:
		return v.TypeName(), nil
	}
	return nil, fmt.Errorf("a %s is not a value that a journey can store", reflect.TypeOf(v))
}

// maxResultDepth bounds the nesting of a result.
const maxResultDepth = 100

// LeftOut says which key was left out because its expression had no value, and why: "data.plan (tier is missing)".
func LeftOut(key, why string) string { return key + " (" + why + ")" }

// Why says in words why an expression has no value: an error of Eval, without values of the customer.
func Why(err error) string {
	text := err.Error()
	if errors.Is(err, ErrMissing) {
		return "it is missing"
	}
	if _, key, found := strings.Cut(text, "no such key: "); found {
		return key + " is missing"
	}
	if name, found := strings.CutPrefix(text, "no such attribute(s): "); found {
		return name + " is missing"
	}
	return human.Shorten(plainWords.Replace(text), 100)
}

// plainWords replaces CEL's words in an error.
var plainWords = strings.NewReplacer(
	"google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration",
	"a string", "a text", "a double", "a number", "no such overload", "values of unlike types",
)
