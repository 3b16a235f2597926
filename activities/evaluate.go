package activities

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Evaluate evaluates expressions that read the customer; only the results leave the data side. With Moment.At the
// result is one value: the next such moment, as RFC 3339 in UTC.
//
// An expression without a value, or with an error, is reported in Missing.
func (a *Activities) Evaluate(ctx context.Context, in contract.Evaluate) (contract.EvaluateResult, error) {
	prog, vars, err := a.loadVars(ctx, in.Ref, in.EvalContext)
	if err != nil {
		return contract.EvaluateResult{}, err
	}
	if in.Moment != nil && in.Moment.At != "" {
		from := in.Moment.From
		if from.IsZero() {
			from = vars.Now
		}
		at, ok := in.Moment.At.Next(from, stepZone(in.Moment.Timezone, vars.Customer), in.Moment.Days)
		if !ok {
			return contract.EvaluateResult{Values: []any{nil}, Missing: []bool{true}}, nil
		}
		return contract.EvaluateResult{Values: []any{expr.ToPlain(at)}, Missing: []bool{false}}, nil
	}
	result := contract.EvaluateResult{Values: make([]any, len(in.Exprs)), Missing: make([]bool, len(in.Exprs))}
	for i, source := range in.Exprs {
		value, err := prog.Eval(source, vars)
		if err == nil && in.Moment != nil {
			at, ok := parseMoment(value, stepZone(in.Moment.Timezone, vars.Customer), in.Moment.Offset)
			if !ok {
				result.Missing[i] = true
				why(&result, i, noMoment(value))
				continue
			}
			value = at
		}
		if err != nil {
			why(&result, i, expr.Why(err))
		}
		result.Values[i], result.Missing[i] = expr.ToPlain(value), err != nil
	}
	return result, nil
}

// Assign evaluates assignments in order, each seeing the ones before it, and sets the customer's traits. One without
// a value is skipped.
func (a *Activities) Assign(ctx context.Context, in contract.Assign) (contract.Unassigned, error) {
	var out contract.Unassigned
	prog, vars, err := a.loadVars(ctx, in.Ref, in.EvalContext)
	if err != nil {
		return out, err
	}
	traits := map[string]any{}
	for _, assignment := range in.Assign {
		value, err := prog.Eval(assignment.Value, vars)
		if err != nil {
			out.LeftOut = append(out.LeftOut, expr.LeftOut("customer."+assignment.Name, expr.Why(err)))
			continue
		}
		setPath(traits, assignment.Name, expr.ToPlain(value))
		if vars.Customer == nil {
			vars.Customer = map[string]any{}
		}
		setPath(vars.Customer, assignment.Name, expr.ToPlain(value)) // a later line sees an earlier one
	}
	err = a.cfg.Rooms.Intake.Assign(ctx, vars.Now, in.Ref, in.Key, traits)
	return stopped(out, err), asSupersededError(unlimited(err))
}

// stepZone returns the time zone that a step names; for "customer" or none, the customer's, and UTC if that is
// unknown.
func stepZone(name string, customer map[string]any) *time.Location {
	if name == "" || name == "customer" {
		name, _ = customer["timezone"].(string)
	}
	if found, ok := localtime.Zone(name); ok {
		return found
	}
	return time.UTC
}

// maxMoment is the latest moment that RFC 3339 can write. An offset moves no moment beyond it.
var maxMoment = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// parseMoment reads a timestamp, an RFC 3339 string, or a date (midnight in zone), and adds offset.
func parseMoment(value any, zone *time.Location, offset time.Duration) (at time.Time, ok bool) {
	switch v := value.(type) {
	case time.Time:
		at, ok = v, true
	case string:
		at, ok = localtime.Moment(v, zone)
	}
	if at = at.Add(offset); at.After(maxMoment) {
		at = maxMoment
	}
	return at, ok
}

// why notes why an expression has no value.
func why(result *contract.EvaluateResult, i int, words string) {
	if result.Why == nil {
		result.Why = make([]string, len(result.Missing))
	}
	result.Why[i] = words
}

// noMoment says what a value is that is no moment, as "is a number: 1775001600, not a date or timestamp".
func noMoment(value any) string {
	what := ""
	switch v := expr.ToPlain(value).(type) {
	case nil:
		return "is missing"
	case string:
		what = "the text " + strconv.Quote(human.Shorten(v, 40))
	case bool:
		what = strconv.FormatBool(v)
	case map[string]any:
		what = "a map"
	case []any:
		what = "a list"
	default:
		text, _ := number.Text(v)
		what = "a number: " + human.Shorten(text, 40)
	}
	return "is " + what + ", not a date or timestamp"
}

// setPath sets the value at a dotted path. It makes maps where they are missing and copies those it changes, since
// others may share them.
func setPath(m map[string]any, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		m[name] = value
		return
	}
	next := map[string]any{}
	if old, ok := m[name].(map[string]any); ok {
		for k, v := range old {
			next[k] = v
		}
	}
	setPath(next, rest, value)
	m[name] = next
}
