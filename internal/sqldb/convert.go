package sqldb

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/number"
)

// Millis returns a time as it is stored: Unix milliseconds, 0 for the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Moment is the inverse of Millis.
func Moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Flag returns a boolean as it is stored: 1 or 0.
func Flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Clean returns s as both databases accept it: valid UTF-8 without NUL.
func Clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// Text returns m as stored JSON. An empty map is "{}".
func Text(m map[string]any) (string, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return "", InputError("not JSON: " + err.Error())
	}
	return string(raw), nil
}

// Object is the inverse of Text. It never returns a nil map.
func Object(raw string) (map[string]any, error) {
	if raw == "" || raw == "{}" {
		return map[string]any{}, nil
	}
	m, err := number.DecodeObject([]byte(raw))
	if err != nil {
		return nil, fmt.Errorf("a stored object is not JSON: %w", err)
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

// Normal returns m as it will be read back, and its JSON: numbers are those of package number. It returns an InputError if m is not
// JSON. The result shares nothing with m.
func Normal(m map[string]any) (map[string]any, string, error) {
	raw, err := Text(m)
	if err != nil {
		return nil, "", err
	}
	if len(m) == 0 {
		return map[string]any{}, raw, nil
	}
	if same, ok := copied(m).(map[string]any); ok {
		return same, raw, nil
	}
	m, err = Object(raw)
	return m, raw, err
}

// copied returns a deep copy of a value that reads back from JSON unchanged, as the gateway's values do, or nil if a part
// of it would change.
func copied(v any) any {
	switch v := v.(type) {
	case string:
		if utf8.ValidString(v) {
			return v
		}
	case float64, bool:
		return v
	case json.Number:
		if same, err := number.Read(v); err == nil {
			return same
		}
	case map[string]any:
		if v == nil {
			return nil // reads back as null
		}
		out := make(map[string]any, len(v))
		for key, inner := range v {
			if !utf8.ValidString(key) {
				return nil
			}
			if inner == nil {
				out[key] = nil
			} else if out[key] = copied(inner); out[key] == nil {
				return nil
			}
		}
		return out
	case []any:
		if v == nil {
			return nil // so does this
		}
		out := make([]any, len(v))
		for i, inner := range v {
			if inner == nil {
				continue
			}
			if out[i] = copied(inner); out[i] == nil {
				return nil
			}
		}
		return out
	}
	return nil
}

// JSONText returns v as JSON.
func JSONText(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}
