// Package tolerant reads what clients really send. A client library cannot be mended by those who run it, and it drops or repeats a whole
// batch when one call is refused, so every door of tabi reads through this package: what can be understood in one way only is read,
// with a note of what was changed; the rest is a Problem of that call alone. docs/http.md lists what is read and what is refused.
//
// The package is pure: it knows neither HTTP nor the store.
package tolerant

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Reasons for which a call is refused: labels of tabi_rejected_calls_total.
const (
	BadValue  = "bad_value"        // a value of the wrong kind, or too long
	BadTime   = "bad_time"         // a timestamp that cannot be read, or is out of range
	Missing   = "missing"          // a field that the call needs
	TooLarge  = "too_large"        // the call has too many bytes
	TooDeep   = "too_deep"         // nested too deeply
	Forbidden = "forbidden"        // the key, or the door, may not send this
	NobodysID = "placeholder_id"   // an id that means nobody
	Malformed = "malformed_json"   // no JSON
	Taken     = "message_id_taken" // its message id is that of another event, or of another customer
	Invalid   = "invalid"          // the store refused it
)

// A Problem says why a call is refused, for its sender: without customer data.
type Problem struct {
	Code    string // one of the reasons
	Field   string // batch[3].event; may be empty
	Message string
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// Bad returns a Problem of one field; message continues the sentence that begins with the field.
func Bad(field, message string) *Problem {
	field = Top(field)
	return &Problem{Code: BadValue, Field: field, Message: field + " " + message}
}

// Absent returns a Problem of a field that is missing or empty.
func Absent(field string) *Problem {
	return &Problem{Code: Missing, Field: field, Message: field + " is missing or empty"}
}

// A Change says what was changed in a call that was accepted.
type Change struct {
	Field string // batch[3].properties.q
	Kind  string // one of the kinds below
}

// Kinds of changes: labels of tabi_adjusted_calls_total.
const (
	ControlCharacters = "control_characters" // removed
	Charset           = "charset"            // converted to UTF-8; what is no text in it became U+FFFD
	Space             = "space"              // around an id or a name, removed
	NoTime            = "no_time"            // a time that is none, such as 0 or the year 1; now is used
	FutureTime        = "future_time"        // a time in the future; now is used
	SentAt            = "sent_at"            // it cannot be read; the client's clock is not corrected
	NotANumber        = "not_a_number"       // NaN or an infinity: no value
	Unproven          = "unproven_user"      // a web key named a user without a proof: the call counts for the visitor only
	UserTraits        = "user_traits"        // traits of a user were not changed, since the call has no proof
	TraitsStay        = "traits_stay"        // addresses and permissions of a visitor did not follow to the user
	ContextTrait      = "context_trait"      // a trait of the context that the key may not set was left out
)

// Join appends a key to the path of a field.
func Join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

// Top shortens a field to what is safe and useful to show: a customer's property names may be long.
func Top(field string) string {
	if len(field) > 120 {
		return strings.ToValidUTF8(field[:120], "") + "…"
	}
	return field
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

// removed reports whether a character is removed from texts: NUL, which no database text holds, and control characters other
// than tab and the ends of lines, which nobody types on purpose.
func removed(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' && r != '\u0085'
}

// Text returns a text without control characters, and whether it was changed.
func Text(s string) (string, bool) {
	if strings.IndexFunc(s, removed) < 0 {
		return s, false
	}
	return strings.Map(func(r rune) rune {
		if removed(r) {
			return -1
		}
		return r
	}, s), true
}

// Name returns the name of an event or the like: on one line, without control characters, and without spaces around it.
func Name(s string) (string, bool) {
	out, _ := Text(s)
	out = strings.TrimSpace(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ", "\u0085", " ").Replace(out))
	return out, out != s
}

// ID returns an id without spaces around it. bad is why it cannot be an id: a control character in it would make two ids look the same,
// and cutting it out could make it another customer's.
func ID(s string) (id string, changed bool, bad string) {
	id = strings.TrimSpace(s)
	if event.Control(id) {
		return "", false, "contains a control character, which no id has"
	}
	if strings.ContainsRune(id, '\uFFFD') {
		return "", false, "contains bytes that are no text in the charset of the body"
	}
	return id, id != s, ""
}

// Empty reports whether a value means an empty object: PHP writes one as an empty list, others as null or an empty text.
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case string:
		return strings.TrimSpace(v) == ""
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// A Reader takes fields out of one decoded object. It keeps the first problem and all changes.
type Reader struct {
	Field   string // the object's own, for the problems; empty at the top
	In      map[string]any
	Problem *Problem
	Changes []Change
}

// At returns the path of a key, as a problem names it.
func (r *Reader) At(key string) string { return Join(r.Field, key) }

// Refuse keeps a problem if it is the first.
func (r *Reader) Refuse(p *Problem) {
	if r.Problem == nil && p != nil {
		r.Problem = p
	}
}

// Changed notes a change.
func (r *Reader) Changed(key, kind string) {
	r.Changes = append(r.Changes, Change{Field: Top(r.At(key)), Kind: kind})
}

// Need refuses an empty value.
func (r *Reader) Need(key, value string) {
	if value == "" {
		r.Refuse(Absent(r.At(key)))
	}
}

// scalar returns a text, or a number as text.
func (r *Reader) scalar(key string) (string, bool) {
	switch v := r.In[key].(type) {
	case nil:
		return "", false
	case string:
		return v, true
	default:
		if v == json.Number(notANumber) {
			r.Changed(key, NotANumber)
			return "", false
		}
		if plain, err := number.Normal(v); err == nil { // 7.0 and 7 are one id
			if text, ok := number.Text(plain); ok {
				return text, true
			}
		}
		r.Refuse(Bad(r.At(key), "must be a string"))
		return "", false
	}
}

func (r *Reader) within(key, s string, limit int) string {
	if len(s) > limit {
		r.Refuse(Bad(r.At(key), fmt.Sprintf("has %d bytes; at most %d are accepted", len(s), limit)))
		return ""
	}
	return s
}

// Text returns a text or number of at most limit bytes.
func (r *Reader) Text(key string, limit int) string {
	s, _ := r.scalar(key)
	return r.within(key, s, limit)
}

// Name returns the name of an event or the like, of at most limit bytes.
func (r *Reader) Name(key string, limit int) string {
	s, ok := r.scalar(key)
	name, changed := Name(s)
	if ok && changed {
		r.Changed(key, ControlCharacters)
	}
	return r.within(key, name, limit)
}

// ID returns an id of at most limit bytes. nobody, if set, says why an id means nobody.
func (r *Reader) ID(key string, limit int, nobody func(field, id string) *Problem) string {
	s, ok := r.scalar(key)
	if !ok {
		return ""
	}
	if nobody != nil && s != "" {
		r.Refuse(nobody(r.At(key), s))
	}
	id, changed, bad := ID(s)
	if bad != "" {
		r.Refuse(Bad(r.At(key), bad))
		return ""
	}
	if changed {
		r.Changed(key, Space)
	}
	return r.within(key, id, limit)
}

// Object returns an object; nil for what means an empty one.
func (r *Reader) Object(key string) map[string]any {
	v := r.In[key]
	if m, ok := v.(map[string]any); ok {
		return m
	}
	if !Empty(v) {
		r.Refuse(Bad(r.At(key), "must be a JSON object"))
	}
	return nil
}

// Values cleans the texts in a decoded value in place, and checks its depth and numbers; depth counts from 1. Valid UTF-8 is up to
// the decoder.
func (r *Reader) Values(key string, value any, depth, limit int) any {
	if depth > limit {
		r.Refuse(&Problem{Code: TooDeep, Field: Top(r.At(key)), Message: fmt.Sprintf("the JSON is nested more than %d deep", limit)})
		return nil
	}
	switch v := value.(type) {
	case string:
		text, changed := Text(v)
		if changed {
			r.Changed(key, ControlCharacters)
		}
		return text
	case map[string]any:
		for name, inner := range v {
			clean, changed := Text(name)
			if changed {
				r.Changed(key, ControlCharacters)
				delete(v, name)
				if _, taken := v[clean]; taken {
					continue
				}
			}
			v[clean] = r.Values(Join(key, clean), inner, depth+1, limit)
		}
	case []any:
		for i, inner := range v {
			v[i] = r.Values(fmt.Sprintf("%s[%d]", key, i), inner, depth+1, limit)
		}
	default:
		if v == json.Number(notANumber) {
			r.Changed(key, NotANumber)
			return nil
		}
		plain, err := number.Normal(v)
		if err != nil {
			r.Refuse(Bad(r.At(key), "is a number too large to store"))
			return nil
		}
		return plain
	}
	return value
}
