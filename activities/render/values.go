package render

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// bindings returns the variables of a template.
func bindings(v expr.Vars, data map[string]any, opts Options) map[string]any {
	intent := make(map[string]any, len(v.Intent))
	for name, score := range v.Intent {
		intent[name] = score
	}
	steps := make(map[string]any, len(v.Steps))
	for id, result := range v.Steps {
		steps[id] = value(result)
	}
	b := map[string]any{
		"customer": value(v.Customer),
		"entry":    value(v.Entry),
		"event":    value(v.Event),
		"vars":     value(v.Vars),
		"steps":    named(steps),
		"intent":   named(intent),
		"data":     value(data),
		"now":      v.Now,
	}
	if opts.Unsubscribe != "" {
		b["unsubscribe_url"] = opts.Unsubscribe
	}
	return b
}

// named adds the names as expressions spell them, with _ for -.
func named(m map[string]any) map[string]any {
	for _, name := range sortedKeys(m) {
		if plain := strings.ReplaceAll(name, "-", "_"); plain != name {
			if _, taken := m[plain]; !taken {
				m[plain] = m[name]
			}
		}
	}
	return m
}

// value copies a JSON value, so that a template cannot change the original. Whole numbers become integers, because
// Liquid counts, divides and limits with integers.
func value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[k] = value(x)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = value(x)
		}
		return l
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
	}
	return v
}
