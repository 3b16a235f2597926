package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/event"
)

// FieldReader takes fields out of a decoded object and keeps the first error.
type FieldReader struct {
	Field string // the object's own, for the errors; empty at the top
	In    map[string]any
	Err   *Error
}

// At returns the path of a key, as an error names it.
func (r *FieldReader) At(key string) string { return Join(r.Field, key) }

// Refuse keeps an error if it is the first.
func (r *FieldReader) Refuse(err *Error) {
	if r.Err == nil {
		r.Err = err
	}
}

// Need refuses an empty value.
func (r *FieldReader) Need(key, value string) { r.Refuse(Need(r.At(key), value)) }

// Text returns a string of at most limit bytes.
func (r *FieldReader) Text(key string, limit int) string {
	switch v := r.In[key].(type) {
	case nil:
		return ""
	case string:
		if len(v) > limit {
			r.Refuse(Bad(r.At(key), fmt.Sprintf("has %d bytes; at most %d are accepted", len(v), limit)))
		}
		return v
	default:
		r.Refuse(Bad(r.At(key), "must be a string"))
		return ""
	}
}

// Object returns a JSON object.
func (r *FieldReader) Object(key string) map[string]any {
	switch v := r.In[key].(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	default:
		r.Refuse(Bad(r.At(key), "must be a JSON object"))
		return nil
	}
}

// Time returns an RFC 3339 time, with or without fractions of a second. Years that a database cannot store are refused.
func (r *FieldReader) Time(key string) time.Time {
	text := r.Text(key, 64)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		r.Refuse(Bad(r.At(key), "must be an RFC 3339 time such as 2026-03-02T10:00:00Z"))
		return time.Time{}
	}
	return t.UTC()
}

// WithText sets m[key] unless value is empty; m may be nil.
func WithText(m map[string]any, key, value string) map[string]any {
	if value == "" {
		return m
	}
	if m == nil {
		m = map[string]any{}
	}
	m[key] = value
	return m
}

// Identity splits a customer's id into the two ids of a Segment call.
func Identity(customer string) (userID, anonymousID string) {
	if anonymous, ok := strings.CutPrefix(customer, event.AnonymousPrefix); ok {
		return "", anonymous
	}
	return customer, ""
}
