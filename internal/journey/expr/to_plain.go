package expr

import "time"

// ToPlain converts a value of Eval to JSON values, at every depth: a timestamp to RFC 3339 in UTC, a duration to its
// seconds. The argument is not changed. The value is then the same whether it was evaluated in a workflow or in the
// store, and after continue-as-new.
func ToPlain(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.Seconds()
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = ToPlain(one)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[key] = ToPlain(one)
		}
		return m
	}
	return value
}
