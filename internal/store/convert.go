package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// millis is a time as the database keeps it: unix milliseconds, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the inverse of millis.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clean makes a string one that both databases take: valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// text is JSON as the database keeps it; nothing is the empty object.
func text(m map[string]any) (string, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return "", inputError("not JSON: " + err.Error())
	}
	return string(raw), nil
}

// object is the inverse of text; it is never nil.
func object(raw string) (map[string]any, error) {
	m := map[string]any{}
	if raw == "" || raw == "{}" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return nil, fmt.Errorf("a stored object is not JSON: %w", err)
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

// normal gives m as it will be read back, with its text: numbers become float64, what is no JSON is an error.
func normal(m map[string]any) (map[string]any, string, error) {
	raw, err := text(m)
	if err != nil {
		return nil, "", err
	}
	m, err = object(raw)
	return m, raw, err
}

// jsonText is any value as JSON; v holds nothing that JSON cannot carry.
func jsonText(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}
