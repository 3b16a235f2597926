package web

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// FieldReader takes fields out of a decoded object and keeps the first error.
type FieldReader struct {
	Field string // the object's own, for the errors; empty at the top
	In    map[string]any
	Err   *Error
}

// At returns the path of a key, as an error names it.
func (r *FieldReader) At(key string) string { return tolerant.Join(r.Field, key) }

// Refuse keeps an error if it is the first.
func (r *FieldReader) Refuse(err *Error) {
	if r.Err == nil {
		r.Err = err
	}
}

// Need refuses an empty value.
func (r *FieldReader) Need(key, value string) { r.Refuse(Need(r.At(key), value)) }

// Text returns a string or number of at most limit bytes, as text.
func (r *FieldReader) Text(key string, limit int) string {
	in := r.tolerant()
	defer r.take(in)
	return in.Text(key, limit)
}

// Clip is Text, except that a longer text is cut off and not refused.
func (r *FieldReader) Clip(key string, limit int) string {
	text := r.Text(key, 1<<30)
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "")
	}
	return text
}

// Object returns a JSON object.
func (r *FieldReader) Object(key string) map[string]any {
	in := r.tolerant()
	defer r.take(in)
	return in.Object(key)
}

// Time returns a time; see tolerant.Time.
func (r *FieldReader) Time(key string) time.Time {
	in := r.tolerant()
	defer r.take(in)
	return in.Time(key)
}

func (r *FieldReader) tolerant() *tolerant.Reader { return &tolerant.Reader{Field: r.Field, In: r.In} }

func (r *FieldReader) take(in *tolerant.Reader) {
	if in.Problem != nil {
		r.Refuse(Refused(in.Problem))
	}
}
