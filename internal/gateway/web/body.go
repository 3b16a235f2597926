package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// MaxID is the longest id, in bytes.
const MaxID = event.MaxID

// MaxName is the longest name of an event, in bytes.
const MaxName = event.MaxName

// ReadBody reads a JSON body within the limits, as clients send it: gzipped or not, whatever the headers say of it; in UTF-8, or
// converted to it; under any content type, as long as it looks like JSON. RudderStack's library announces a form, beacons a plain text.
func (e *Env) ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, *Error) {
	limit := e.Limits.Body
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what cannot be parsed says nothing
	if r.ContentLength > limit {
		return nil, e.tooLarge()
	}
	data, err := e.unpack(http.MaxBytesReader(w, r.Body, limit), r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, e.readFailed(err)
	}
	if int64(len(data)) > limit {
		return nil, e.tooLarge()
	}
	data, changed, err := tolerant.UTF8(data, params["charset"])
	if err != nil {
		return nil, unsupported("unsupported_media_type", err.Error()+"; send UTF-8")
	}
	if changed {
		e.Doors.Adjusted(rejection.HTTP, []tolerant.Change{{Kind: tolerant.Charset}})
	}
	known := media == "" || media == "text/plain" || media == "application/json" || strings.HasSuffix(media, "+json")
	if !known && !tolerant.LooksLikeJSON(data) {
		return nil, unsupported("unsupported_media_type", "the body must be JSON: application/json, in UTF-8")
	}
	return data, nil
}

func unsupported(code, message string) *Error {
	return &Error{Status: http.StatusUnsupportedMediaType, Code: code, Message: message}
}

// errEncoding is returned for a body that is compressed in a way that cannot be read.
var errEncoding = errors.New("Content-Encoding must be gzip, deflate or absent")

// unpack reads a body and decompresses it. What the body is counts, not what the header says: proxies unpack bodies and leave the header.
func (e *Env) unpack(body io.Reader, encoding string) ([]byte, error) {
	packed := bufio.NewReader(body)
	magic, _ := packed.Peek(2)
	var plain io.Reader = packed
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); {
	case string(magic) == "\x1f\x8b":
		unzipped, err := gzip.NewReader(packed)
		if err != nil {
			return nil, err
		}
		plain = unzipped
	case encoding == "deflate" && len(magic) == 2 && magic[0] == 0x78:
		inflated, err := zlib.NewReader(packed)
		if err != nil {
			return nil, err
		}
		plain = inflated
	case encoding == "gzip" || encoding == "x-gzip" || encoding == "deflate":
		if head, _ := packed.Peek(64); len(head) > 0 && !tolerant.LooksLikeJSON(head) {
			return nil, gzip.ErrHeader
		}
	case encoding != "" && encoding != "identity":
		if head, _ := packed.Peek(64); !tolerant.LooksLikeJSON(head) {
			return nil, errEncoding
		}
	}
	return io.ReadAll(io.LimitReader(plain, e.Limits.Body+1))
}

// ReplaceBody reads the body of a request as ReadBody does, so that the next reader gets it unpacked and checked.
func (e *Env) ReplaceBody(w http.ResponseWriter, r *http.Request) *Error {
	data, err := e.ReadBody(w, r)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	r.Header.Set("Content-Type", "application/json") // a beacon says text/plain
	r.Header.Del("Content-Encoding")
	return nil
}

func (e *Env) tooLarge() *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
		Message: fmt.Sprintf("the body is over %d bytes; send fewer calls at once", e.Limits.Body)}
}

func (e *Env) readFailed(err error) *Error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return e.tooLarge()
	case errors.Is(err, errEncoding):
		return unsupported("unsupported_encoding", err.Error())
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zlib.ErrHeader), errors.Is(err, zlib.ErrChecksum),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{
			Status:  http.StatusBadRequest,
			Code:    "bad_encoding",
			Message: "the body ended early or is not valid gzip",
		}
	default:
		return &Error{Status: http.StatusBadRequest, Code: "bad_body", Message: "the body could not be read"}
	}
}

// BadJSON returns the error for a body that is not the expected JSON, with the place where it broke.
func BadJSON(field string, err error) *Error {
	f := &Error{Status: http.StatusBadRequest, Code: "malformed_json", Field: field, Message: "malformed JSON"}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		f.Message += " at byte " + strconv.FormatInt(syntax.Offset, 10) + ": " + syntax.Error()
	case errors.As(err, &kind):
		f.Code, f.Message = "bad_value", "expected "+wantedKind(kind.Type)+", got "+jsonKind(kind.Value)
		if kind.Field != "" {
			f.Field = tolerant.Join(field, kind.Field)
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Message += ": unexpected end"
	}
	return f
}

// jsonKind names a kind of JSON value, as encoding/json has it, with an article.
func jsonKind(value string) string {
	kind, _, _ := strings.Cut(value, " ") // "number 1.5"
	switch kind {
	case "bool":
		return "a boolean"
	case "string":
		return "a string"
	case "array":
		return "an array"
	case "object":
		return "an object"
	}
	return "a " + kind
}

// wantedKind names the kind of JSON value that a Go type accepts.
func wantedKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a value of another kind"
}

// ReadInto reads a JSON object into a struct; unknown keys are refused.
func (e *Env) ReadInto(w http.ResponseWriter, r *http.Request, into any) *Error {
	data, f := e.ReadBody(w, r)
	if f != nil {
		return f
	}
	return DecodeInto(data, into)
}

// DecodeInto decodes one JSON object into a struct; unknown keys are refused.
func DecodeInto(data []byte, into any) *Error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return &Error{Status: http.StatusBadRequest, Code: "unknown_key", Field: strings.Trim(key, `"`), Message: "no such key: " + key}
		}
		return BadJSON("", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &Error{Status: http.StatusBadRequest, Code: "malformed_json", Message: "malformed JSON: unexpected data after the object"}
	}
	return nil
}

// Object decodes one JSON object, checks its depth and texts, and converts every number to float64, except the
// ids of the top level, which stay as written.
func (e *Env) Object(field string, data []byte) (map[string]any, *Error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, BadJSON(field, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{
			Status:  http.StatusBadRequest,
			Code:    "malformed_json",
			Field:   field,
			Message: "malformed JSON: unexpected data after the object",
		}
	}
	return e.Fields(field, value)
}

// Fields checks a decoded object and converts its numbers as Object does.
func (e *Env) Fields(field string, value any) (map[string]any, *Error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, &Error{Status: http.StatusBadRequest, Code: "bad_value", Field: field, Message: "expected a JSON object"}
	}
	for key, v := range fields {
		if f := CheckText(field, key); f != nil {
			return nil, f
		}
		if number, ok := v.(json.Number); ok && ids[key] {
			fields[key] = number.String()
			continue
		}
		plain, f := e.plain(tolerant.Join(field, key), v, 2)
		if f != nil {
			return nil, f
		}
		fields[key] = plain
	}
	return fields, nil
}

// plain checks a decoded value and converts its numbers to float64, in place.
func (e *Env) plain(field string, value any, depth int) (any, *Error) {
	if depth > e.Limits.Depth {
		return nil, &Error{
			Status:  http.StatusBadRequest,
			Code:    "too_deep",
			Field:   tolerant.Top(field),
			Message: fmt.Sprintf("the JSON is nested more than %d deep", e.Limits.Depth),
		}
	}
	switch v := value.(type) {
	case json.Number:
		n, err := number.Read(v)
		if err != nil {
			return nil, Bad(field, "is a number too large to store")
		}
		return n, nil
	case string:
		text, _ := tolerant.Text(v)
		return text, nil
	case map[string]any:
		for key, inner := range v {
			if f := CheckText(field, key); f != nil {
				return nil, f
			}
			plain, f := e.plain(tolerant.Join(field, key), inner, depth+1)
			if f != nil {
				return nil, f
			}
			v[key] = plain
		}
	case []any:
		for i, inner := range v {
			plain, f := e.plain(field+"["+strconv.Itoa(i)+"]", inner, depth+1)
			if f != nil {
				return nil, f
			}
			v[i] = plain
		}
	}
	return value, nil
}

// CheckTree checks a map that ReadInto decoded.
func (e *Env) CheckTree(field string, tree map[string]any) *Error {
	if tree == nil {
		return nil
	}
	_, f := e.plain(field, tree, 1)
	return f
}

// CheckText refuses a NUL character, which no database text can hold.
func CheckText(field, text string) *Error {
	if strings.IndexByte(text, 0) >= 0 {
		return &Error{
			Status:  http.StatusBadRequest,
			Code:    "bad_value",
			Field:   tolerant.Top(field),
			Message: tolerant.Top(field) + " contains a NUL character",
		}
	}
	return nil
}

// CheckID refuses an id that is too long or has a control character.
func CheckID(field, id string) *Error {
	if len(id) > MaxID {
		return Bad(field, fmt.Sprintf("has %d bytes; an id has at most %d", len(id), MaxID))
	}
	if event.Control(id) {
		return Bad(field, "contains a control character, which no id has")
	}
	return nil
}

// ids are the keys whose numbers are accepted as text, exactly as written.
var ids = map[string]bool{"userId": true, "anonymousId": true, "previousId": true, "groupId": true, "messageId": true}

// CheckUserID refuses a user id that looks like an anonymous one, or that means nobody.
func CheckUserID(field, id string) *Error {
	if event.Anonymous(id) {
		return Bad(field, "begins with anon:, which is reserved; send such an id as anonymousId")
	}
	return CheckPerson(field, id)
}

// CheckPerson refuses an id that means nobody, such as "undefined". See customer.RefuseID.
func CheckPerson(field, id string) *Error {
	if code := customer.RefuseID(id); code != "" {
		field = tolerant.Top(field)
		return &Error{Status: http.StatusBadRequest, Code: code, Field: field, Message: customer.PlaceholderWords(field, id)}
	}
	return nil
}
