package expr

import "time"

// ToPlain makes a value of Eval what JSON carries, at every depth: a timestamp is RFC 3339 in UTC, a duration its
// seconds. What is given is not changed. So a value is the same whether it was evaluated in a workflow or
// beside the data, and after continue-as-new.
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
