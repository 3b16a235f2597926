// Package number keeps numbers as they were sent.
//
// JSON has one kind of number, and Go reads it as float64, which holds 15 digits of any number and whole numbers only up to 2^53. Ids
// are longer: 820982911946154508 and 820982911946154509 are two orders, and one float64. A JSON value of this package is therefore what
// encoding/json makes of it, with one difference: a number of 2^53 or more that a float64 would change is a json.Number, in canonical
// form, so that equal numbers are equal texts. Everything else is a float64, so code that computes sees a json.Number only for ids.
//
// Use Decode instead of json.Unmarshal wherever JSON is decoded into any, and Object, Objects or List in structs. A json.Number prints its
// digits with fmt, encodes as a JSON number, and compares with ==. Float converts either kind, for arithmetic.
package number

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// exact is the smallest whole number above which float64 has gaps.
const exact = 1 << 53

// digits is how many digits of a number may be in a JSON text for each of its numbers to survive as a float64.
const digits = 15

// longest is how many digits a number that was written with an exponent may have and be kept digit by digit. An id has fewer.
const longest = 40

// ErrRange is returned for a number that is too large for a float64 even roughly.
var ErrRange = errors.New("the number is too large: its absolute value is at most 1.8e308")

// Read returns a JSON number as this package represents it: a float64, or a json.Number where a float64 would change the number.
func Read(n json.Number) (any, error) {
	text := string(n)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, ErrRange
	}
	if math.Abs(f) < exact || len(text) <= digits {
		return f, nil
	}
	was, ok := new(big.Rat).SetString(text)
	is, same := new(big.Rat).SetString(Digits(f))
	if !ok || !same || was.Cmp(is) == 0 {
		return f, nil
	}
	if was.IsInt() {
		exactly := was.Num().String()
		if len(exactly) > max(len(text), longest) {
			return f, nil // an exponent writes hundreds of digits in a few bytes: nobody means each of them
		}
		return json.Number(exactly), nil
	}
	// A fraction: the digits as written, without those that mean nothing.
	places := 0
	if mantissa, _, _ := strings.Cut(strings.ToLower(text), "e"); strings.Contains(mantissa, ".") {
		places = len(mantissa) - strings.IndexByte(mantissa, '.') - 1
	}
	return json.Number(strings.TrimRight(was.FloatString(places), "0")), nil
}

// Digits returns a float64 as text: the shortest digits that mean it, without an exponent.
func Digits(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Text returns a number as text, without an exponent; false if v is no number.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case float64:
		return Digits(v), true
	case json.Number:
		return string(v), true
	}
	return "", false
}

// Float returns a number as a float64, rounded if it must be; false if v is no number.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// Compare orders two numbers exactly; false if one of them is no number.
func Compare(a, b any) (int, bool) {
	x, okX := rat(a)
	y, okY := rat(b)
	if !okX || !okY {
		return 0, false
	}
	return x.Cmp(y), true
}

func rat(v any) (*big.Rat, bool) {
	text, ok := Text(v)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// Decode decodes JSON as json.Unmarshal does, except that no number in a value of type any changes. It accepts what is in the way of
// Go's types as json.Unmarshal does.
func Decode(data []byte, into *any) error {
	if !long(data) {
		return json.Unmarshal(data, into)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the JSON value")
	}
	value, err := Normal(value)
	if err == nil {
		*into = value
	}
	return err
}

// DecodeObject decodes a JSON object, or null, as Decode does.
func DecodeObject(data []byte) (map[string]any, error) {
	if !long(data) {
		var m map[string]any
		return m, json.Unmarshal(data, &m)
	}
	var value any
	if err := Decode(data, &value); err != nil || value == nil {
		return nil, err
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, json.Unmarshal(data, &m) // says what is there instead
	}
	return m, nil
}

// long reports whether a text may hold a number that a float64 would change: more than 15 digits in a row, points included.
func long(data []byte) bool {
	run := 0
	for _, c := range data {
		if c >= '0' && c <= '9' || c == '.' {
			if run++; run > digits {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}

// Normal converts every json.Number of a decoded value as Read does. It changes maps and lists in place.
func Normal(value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return Read(v)
	case map[string]any:
		for key, inner := range v {
			plain, err := Normal(inner)
			if err != nil {
				return nil, err
			}
			v[key] = plain
		}
	case []any:
		for i, inner := range v {
			plain, err := Normal(inner)
			if err != nil {
				return nil, err
			}
			v[i] = plain
		}
	}
	return value, nil
}

// Object is a JSON object in a struct that is decoded; it is assignable to and from map[string]any.
type Object map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(data []byte) error {
	m, err := DecodeObject(data)
	*o = m
	return err
}

// Objects are JSON objects by name, in a struct that is decoded.
type Objects map[string]map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (o *Objects) UnmarshalJSON(data []byte) error {
	var all map[string]Object
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		*o = nil
		return err
	}
	*o = make(Objects, len(all))
	for name, one := range all {
		(*o)[name] = one
	}
	return nil
}

// List is a JSON array in a struct that is decoded; it is assignable to and from []any.
type List []any

// UnmarshalJSON implements json.Unmarshaler.
func (l *List) UnmarshalJSON(data []byte) error {
	var value any
	if err := Decode(data, &value); err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		return json.Unmarshal(data, (*[]any)(l)) // says what is there instead
	}
	*l = list
	return nil
}
