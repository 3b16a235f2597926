package expr

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// historyValue wraps a History as a CEL value.
type historyValue struct{ History }

var historyType = types.NewOpaqueType("history")

func (historyValue) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("the history is not a value")
}
func (historyValue) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("the history is not a value")
}
func (historyValue) Equal(ref.Val) ref.Val { return types.False }
func (historyValue) Type() ref.Type        { return historyType }
func (h historyValue) Value() any          { return h.History }

func historyOf(v ref.Val) (History, ref.Val) {
	if h, ok := v.(historyValue); ok && h.History != nil {
		return h.History, nil
	}
	return nil, types.NewErr("the customer's events are not available here")
}

func countEvents(args ...ref.Val) ref.Val {
	history, problem := historyOf(args[0])
	if problem != nil {
		return problem
	}
	name, ok := args[1].(types.String)
	if !ok {
		return types.NewErr("count() needs the name of an event")
	}
	var within time.Duration
	if len(args) == 3 {
		span, ok := args[2].(types.String)
		if !ok {
			return types.NewErr("count() needs a duration such as \"30d\"")
		}
		d, err := clock.ParseDuration(string(span))
		if err != nil {
			return types.NewErr("%v", err)
		}
		within = d
	}
	n, err := history.Count(string(name), within)
	if err != nil {
		return types.NewErr("%v", err)
	}
	return types.Double(n)
}

func lastEvent(h, event ref.Val) ref.Val {
	history, problem := historyOf(h)
	if problem != nil {
		return problem
	}
	name, ok := event.(types.String)
	if !ok {
		return types.NewErr("last() needs the name of an event")
	}
	at, found, err := history.Last(string(name))
	switch {
	case err != nil:
		return types.NewErr("%v", err)
	case !found:
		return types.NewErr("the customer never had that event")
	}
	return types.Timestamp{Time: at.UTC()}
}

// ordered returns what a comprehension iterates over: a list unchanged, and the keys of a map in order. Go's map order
// is random, and a workflow must decide the same on every replay.
func ordered(v ref.Val) ref.Val {
	m, ok := v.(traits.Mapper)
	if !ok {
		return v
	}
	var keys []ref.Val
	for it := m.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int {
		if c := cmp.Compare(a.Type().TypeName(), b.Type().TypeName()); c != 0 {
			return c
		}
		if comparer, ok := a.(traits.Comparer); ok {
			if c, ok := comparer.Compare(b).(types.Int); ok {
				return int(c)
			}
		}
		return 0
	})
	return types.NewRefValList(adapter{}, keys)
}
