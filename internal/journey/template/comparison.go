package template

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// equal compares two values. Values of different kinds are not equal.
func equal(a, b any) bool {
	switch a.(type) {
	case emptyWord, blankWord:
		a, b = b, a
	}
	switch b.(type) {
	case emptyWord:
		return isEmpty(a)
	case blankWord:
		return isBlank(a)
	}
	if x, y := asNumber(a), asNumber(b); x != nil || y != nil {
		return x != nil && y != nil && x.Cmp(&y.Decimal) == 0
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case bool:
		return b == any(x)
	case string, Markup:
		switch b.(type) {
		case string, Markup:
			return toText(a) == toText(b)
		}
		return sameMoment(a, b)
	case json.Number:
		y, ok := b.(json.Number)
		return ok && x == y
	case time.Time, moment:
		return sameMoment(a, b)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, func(a, b any) bool { return equal(known(a), known(b)) })
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, func(a, b any) bool { return equal(known(a), known(b)) })
	case interval:
		return b == any(x)
	}
	return false
}

// sameMoment compares times.
func sameMoment(a, b any) bool {
	order, ok := compareTimes(a, b)
	return ok && order == 0
}

// compareTimes compares two times, of which one may be a text.
func compareTimes(a, b any) (order int, ok bool) {
	_, isText := a.(string)
	_, too := b.(string)
	if isText && too {
		return 0, false
	}
	x, okX := toMoment(a)
	y, okY := toMoment(b)
	if !okX || !okY || x.local != y.local {
		return 0, false
	}
	return x.at.Compare(y.at), true
}

// compare orders two values. ok is false if they have no order: they are of different kinds.
func compare(a, b any) (order int, ok bool) {
	if x, y := asNumber(a), asNumber(b); x != nil && y != nil {
		return x.Cmp(&y.Decimal), true
	}
	switch a.(type) {
	case string, Markup:
		switch b.(type) {
		case string, Markup:
			return strings.Compare(toText(a), toText(b)), true
		case time.Time, moment:
			return compareTimes(a, b)
		}
	case time.Time, moment:
		return compareTimes(a, b)
	}
	return 0, false
}

// isEmpty reports whether a value is an empty text, list or object.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case Markup:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case interval:
		return v.Len() == 0
	case emptyWord, blankWord:
		return true
	}
	return false
}

// isBlank reports whether a value is nothing, false, empty, or white space only.
func isBlank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string, Markup:
		return strings.TrimSpace(toText(v)) == ""
	}
	return isEmpty(v)
}

// contains reports whether a text has another in it, a list an item, or an object a key.
func contains(a, b any) bool {
	if a == nil || b == nil {
		return false
	}
	switch a := a.(type) {
	case string, Markup:
		return strings.Contains(toText(a), toText(b))
	case []any:
		return slices.ContainsFunc(a, func(item any) bool { return equal(known(item), b) })
	case map[string]any:
		_, ok := a[toText(b)]
		return ok
	case interval:
		n, ok := toWhole(b)
		return ok && a.from <= n && n <= a.to
	}
	return false
}
