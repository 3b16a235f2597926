package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxID is the length of an id in bytes.
const maxID = 255

// maxName is the length of an event's name in bytes.
const maxName = 255

// readBody reads a JSON body within the limits, unpacking gzip. text/plain is taken because browsers' beacons send it.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *fail) {
	limit := g.cfg.Limits.Body
	if kind := r.Header.Get("Content-Type"); kind != "" {
		media, params, err := mime.ParseMediaType(kind)
		charset := strings.ToLower(params["charset"])
		if err != nil || media != "application/json" && media != "text/plain" || charset != "" && charset != "utf-8" {
			return nil, &fail{
				Status:  http.StatusUnsupportedMediaType,
				Code:    "unsupported_media_type",
				Message: "the body is application/json (or text/plain) in UTF-8",
			}
		}
	}
	if r.ContentLength > limit {
		return nil, g.tooLarge()
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, g.readFailed(err)
		}
		body = unzipped
	default:
		return nil, &fail{
			Status:  http.StatusUnsupportedMediaType,
			Code:    "unsupported_encoding",
			Message: "Content-Encoding is gzip or nothing",
		}
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, g.readFailed(err)
	}
	if int64(len(data)) > limit {
		return nil, g.tooLarge()
	}
	if !utf8.Valid(data) {
		return nil, &fail{Status: http.StatusBadRequest, Code: "bad_encoding", Message: "the body is not UTF-8"}
	}
	return data, nil
}

func (g *Gateway) tooLarge() *fail {
	return &fail{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
		Message: fmt.Sprintf("the body is over %d bytes; send fewer calls at a time", g.cfg.Limits.Body)}
}

func (g *Gateway) readFailed(err error) *fail {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return g.tooLarge()
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &fail{
			Status:  http.StatusBadRequest,
			Code:    "bad_encoding",
			Message: "the body ended early or is not the gzip it claims to be",
		}
	default:
		return &fail{Status: http.StatusBadRequest, Code: "bad_body", Message: "the body could not be read"}
	}
}

// badJSON says where JSON broke.
func badJSON(field string, err error) *fail {
	f := &fail{Status: http.StatusBadRequest, Code: "malformed_json", Field: field, Message: "malformed JSON"}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		f.Message += " at byte " + strconv.FormatInt(syntax.Offset, 10) + ": " + syntax.Error()
	case errors.As(err, &kind):
		f.Code, f.Message = "bad_value", jsonKind(kind.Value)+" stands where "+wantedKind(kind.Type)+" belongs"
		if kind.Field != "" {
			f.Field = join(field, kind.Field)
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Message += ": it ends early"
	}
	return f
}

// jsonKind names a kind of value as encoding/json does, with its article.
func jsonKind(value string) string {
	kind, _, _ := strings.Cut(value, " ") // "number 1.5"
	switch kind {
	case "bool":
		return "true or false"
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "an object"
	}
	return "a " + kind
}

// wantedKind names the kind of value that a Go type takes.
func wantedKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "another kind of value"
}

// readInto reads a JSON object into a struct; unknown keys are refused.
func (g *Gateway) readInto(w http.ResponseWriter, r *http.Request, into any) *fail {
	data, f := g.readBody(w, r)
	if f != nil {
		return f
	}
	return decodeInto(data, into)
}

func decodeInto(data []byte, into any) *fail {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return &fail{Status: http.StatusBadRequest, Code: "unknown_key", Field: strings.Trim(key, `"`), Message: "no such key: " + key}
		}
		return badJSON("", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &fail{Status: http.StatusBadRequest, Code: "malformed_json", Message: "malformed JSON: something follows the object"}
	}
	return nil
}

// object decodes one JSON object, checks its depth and texts, and makes every number a float64 but those of the
// top level's ids, which stay as written.
func (g *Gateway) object(field string, data []byte) (map[string]any, *fail) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, badJSON(field, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &fail{
			Status:  http.StatusBadRequest,
			Code:    "malformed_json",
			Field:   field,
			Message: "malformed JSON: something follows the object",
		}
	}
	return g.fields(field, value)
}

// fields checks a decoded object, and makes its numbers what object says.
func (g *Gateway) fields(field string, value any) (map[string]any, *fail) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, &fail{Status: http.StatusBadRequest, Code: "bad_value", Field: field, Message: "a JSON object belongs here"}
	}
	for key, v := range fields {
		if f := checkText(field, key); f != nil {
			return nil, f
		}
		if number, ok := v.(json.Number); ok && ids[key] {
			fields[key] = number.String()
			continue
		}
		plain, f := g.plain(join(field, key), v, 2)
		if f != nil {
			return nil, f
		}
		fields[key] = plain
	}
	return fields, nil
}

// plain checks a decoded value and turns its numbers into float64, in place.
func (g *Gateway) plain(field string, value any, depth int) (any, *fail) {
	if depth > g.cfg.Limits.Depth {
		return nil, &fail{
			Status:  http.StatusBadRequest,
			Code:    "too_deep",
			Field:   top(field),
			Message: fmt.Sprintf("the JSON is nested more than %d deep", g.cfg.Limits.Depth),
		}
	}
	switch v := value.(type) {
	case json.Number:
		n, err := v.Float64()
		if err != nil || math.IsInf(n, 0) {
			return nil, bad(field, "is a number too large to keep")
		}
		return n, nil
	case string:
		return v, checkText(field, v)
	case map[string]any:
		for key, inner := range v {
			if f := checkText(field, key); f != nil {
				return nil, f
			}
			plain, f := g.plain(join(field, key), inner, depth+1)
			if f != nil {
				return nil, f
			}
			v[key] = plain
		}
	case []any:
		for i, inner := range v {
			plain, f := g.plain(field+"["+strconv.Itoa(i)+"]", inner, depth+1)
			if f != nil {
				return nil, f
			}
			v[i] = plain
		}
	}
	return value, nil
}

// checkTree checks a map that was decoded by readInto.
func (g *Gateway) checkTree(field string, tree map[string]any) *fail {
	if tree == nil {
		return nil
	}
	_, f := g.plain(field, tree, 1)
	return f
}

// checkText refuses what no database text can hold.
func checkText(field, text string) *fail {
	if strings.IndexByte(text, 0) >= 0 {
		return &fail{
			Status:  http.StatusBadRequest,
			Code:    "bad_value",
			Field:   top(field),
			Message: top(field) + " has a NUL character in it",
		}
	}
	return nil
}

func checkID(field, id string) *fail {
	if len(id) > maxID {
		return bad(field, fmt.Sprintf("is %d bytes long; an id has at most %d", len(id), maxID))
	}
	return checkText(field, id)
}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

// top shortens a field to what is safe and useful to show: a customer's property names may be long.
func top(field string) string {
	if len(field) > 120 {
		return strings.ToValidUTF8(field[:120], "") + "…"
	}
	return field
}
