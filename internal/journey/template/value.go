package template

import (
	"bytes"
	"encoding/json"
	"html"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	plaintext "github.com/tabi-journeys/tabi/internal/journey/template/text"
)

// Markup is text that is HTML already: it is inserted without escaping.
type Markup string

// plain returns the text that a reader sees.
func (m Markup) plain() string { return html.UnescapeString(plaintext.StripTags(string(m))) }

// interval is a range of whole numbers, both ends included.
type interval struct{ from, to int }

// Len returns how many numbers the range has.
func (i interval) Len() int { return max(0, i.to-i.from+1) }

// moment is a time whose zone the template chose.
type moment struct{ time.Time }

// kindOf says in words what a value is. It holds none of the value.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil, emptyWord, blankWord:
		return "nothing"
	case bool:
		return "true or false"
	case string, Markup:
		return "a text"
	case []any, interval:
		return "a list"
	case map[string]any, *loop:
		return "an object"
	case time.Time, moment:
		return "a time"
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "no finite number"
		}
	}
	if asNumber(v) != nil {
		return "a number"
	}
	return "a number that is too long"
}

// known returns v as one of the kinds that templates know.
func known(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return nil
		}
		return v
	case nil, bool, string, Markup, []any, int, int64, float64, json.Number, *number, time.Time, moment,
		interval, *loop, emptyWord, blankWord, specimen:
		return v
	case *time.Time:
		if v == nil {
			return nil
		}
		return *v
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String()
	case reflect.Bool:
		return r.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(r.Uint())
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.Slice, reflect.Array:
		out := make([]any, r.Len())
		for i := range out {
			out[i] = r.Index(i).Interface()
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		if r.Type().Key().Kind() == reflect.String {
			for _, k := range r.MapKeys() {
				out[k.String()] = r.MapIndex(k).Interface()
			}
		}
		return out
	}
	return nil
}

// truthy reports whether a condition holds: for all but nothing and false.
func truthy(v any) bool { return v != nil && v != false }

// toText returns a value as a filter of texts reads it. A list or an object is JSON.
func toText(v any) string {
	switch v := v.(type) {
	case nil, emptyWord, blankWord, *loop:
		return ""
	case string:
		return v
	case Markup:
		return v.plain()
	case specimen:
		return specimenText
	case bool:
		if v {
			return "true"
		}
		return "false"
	case time.Time:
		return v.Format("2006-01-02 15:04:05 -0700")
	case moment:
		return toText(v.Time)
	case json.Number:
		if n := asNumber(v); n != nil {
			return n.String()
		}
		return string(v)
	case interval:
		return asNumber(v.from).String() + ".." + asNumber(v.to).String()
	case []any, map[string]any:
		return toJSON(v)
	}
	if n := asNumber(v); n != nil {
		return n.String()
	}
	return ""
}

// printed returns a value as {{ }} inserts it: the items of a list after each other, objects as JSON.
func printed(v any) string {
	list, ok := v.([]any)
	if !ok {
		return toText(v)
	}
	var b strings.Builder
	for _, item := range list {
		b.WriteString(printed(known(item)))
	}
	return b.String()
}

// toJSON writes a value as JSON, the keys of objects in order.
func toJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(jsonValue(v)) != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsonValue returns what the encoder writes for a value.
func jsonValue(v any) any {
	switch v := known(v).(type) {
	case string, bool, nil:
		return v
	case Markup:
		return string(v)
	case specimen:
		return specimenText
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case moment:
		return v.Format(time.RFC3339Nano)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = jsonValue(item)
		}
		return out
	case interval:
		return jsonValue(items(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = jsonValue(item)
		}
		return out
	case *loop, emptyWord, blankWord:
		return nil
	default:
		if n := asNumber(v); n != nil {
			return json.Number(n.String())
		}
		if n, ok := v.(json.Number); ok && json.Valid([]byte(n)) {
			return n
		}
	}
	return nil
}

// maxItems bounds a list that a template makes.
const maxItems = 100_000

// items returns a value as a list: a list itself, nothing as none, any other value as a list of one. Lists in lists are
// put after each other, as in Shopify's Liquid.
func items(v any) []any {
	switch v := v.(type) {
	case nil, emptyWord, blankWord, *loop:
		return nil
	case []any:
		return flat(v)
	case specimen:
		return []any{v, v}
	case interval:
		out := make([]any, min(v.Len(), maxItems))
		for i := range out {
			out[i] = v.from + i
		}
		return out
	}
	return []any{v}
}

// flat returns a list without lists in it.
func flat(list []any) []any {
	nested := false
	for i, item := range list {
		switch item.(type) {
		case []any:
			nested = true
		case string, map[string]any, float64, bool, nil:
		default:
			if k := known(item); !reflect.DeepEqual(k, item) {
				list = slices.Clone(list)
				list[i] = k
				_, isList := k.([]any)
				nested = nested || isList
			}
		}
	}
	if !nested {
		return list
	}
	var out []any
	for _, item := range list {
		if inner, ok := item.([]any); ok {
			out = append(out, flat(inner)...)
		} else {
			out = append(out, item)
		}
	}
	return out
}

// property returns a part of a value: a key of an object, an item of a list, or size, first and last. ok reports whether
// the value can have parts at all.
func property(v any, key any) (part any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		name := toText(key)
		if part, has := v[name]; has {
			return known(part), true
		}
		switch name {
		case "size":
			return len(v), true
		case "first", "last":
			if keys := slices.Sorted(maps.Keys(v)); len(keys) > 0 {
				k := keys[0]
				if name == "last" {
					k = keys[len(keys)-1]
				}
				return []any{k, v[k]}, true
			}
		}
		return nil, true
	case []any:
		index := 0
		switch name, _ := key.(string); name {
		case "size":
			return len(v), true
		case "first":
		case "last":
			index = -1
		default:
			n, ok := toWhole(key)
			if !ok {
				return nil, false
			}
			index = n
		}
		if index < 0 {
			index += len(v)
		}
		if index < 0 || index >= len(v) {
			return nil, true
		}
		return known(v[index]), true
	case interval:
		switch key {
		case "size":
			return v.Len(), true
		case "first":
			return v.from, true
		case "last":
			return v.to, true
		}
		return nil, true
	case string:
		if key == "size" {
			return utf8.RuneCountInString(v), true
		}
	case Markup:
		if key == "size" {
			return utf8.RuneCountInString(v.plain()), true
		}
	case *loop:
		return v.property(toText(key)), true
	case specimen:
		return v, true
	}
	return nil, false
}
