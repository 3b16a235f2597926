package number_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/tabi-journeys/tabi/internal/number"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"1":                     1.0,
		"0.1":                   0.1,
		"0.10000000000000001":   0.1, // PHP with 17 digits
		"9007199254740991":      9007199254740991.0,
		"9007199254740992":      9007199254740992.0,
		"9007199254740993":      json.Number("9007199254740993"),
		"9007199254740993.0":    json.Number("9007199254740993"),
		"9.007199254740993e15":  json.Number("9007199254740993"),
		"-820982911946154509":   json.Number("-820982911946154509"),
		"820982911946154500":    820982911946154500.0,
		"820982911946154508.50": json.Number("820982911946154508.5"),
		"1e21":                  1e21,
		"1e300":                 1e300,
		"18446744073709551615":  json.Number("18446744073709551615"),

		"12345678901234567890123456789012345678901234567": json.Number("12345678901234567890123456789012345678901234567"),

		"1234567890123456789e12":  json.Number("1234567890123456789000000000000"),
		"1234567890123456789e250": 1.234567890123456789e268, // 23 bytes must not become 269
	} {
		got, err := number.Read(json.Number(text))
		if err != nil || got != want {
			t.Errorf("%s: got %#v, %v; want %#v", text, got, err, want)
		}
	}
	if _, err := number.Read("1e400"); err == nil {
		t.Error("1e400 is read")
	}
}

func TestDecodeKeepsDigits(t *testing.T) {
	t.Parallel()
	const text = `{"a":[820982911946154509,1.5,{"b":12345678901234567890}],"c":"820982911946154509","d":null}`
	got, err := number.DecodeObject([]byte(text))
	want := map[string]any{
		"a": []any{json.Number("820982911946154509"), 1.5, map[string]any{"b": json.Number("12345678901234567890")}},
		"c": "820982911946154509", "d": nil,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	back, err := json.Marshal(got)
	if err != nil || string(back) != text {
		t.Errorf("encoded as %s, %v", back, err)
	}
	var s struct {
		O  number.Object
		OO number.Objects
		L  number.List
	}
	if err := json.Unmarshal([]byte(`{"O":`+text+`,"OO":{"x":`+text+`},"L":[820982911946154509]}`), &s); err != nil ||
		!reflect.DeepEqual(map[string]any(s.O), want) || !reflect.DeepEqual(s.OO["x"], want) ||
		s.L[0] != json.Number("820982911946154509") {
		t.Errorf("got %#v, %v", s, err)
	}
	if _, err := number.DecodeObject([]byte(`[820982911946154509]`)); err == nil {
		t.Error("a list is read as an object")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	if c, ok := number.Compare(json.Number("9007199254740993"), 9007199254740992.0); !ok || c != 1 {
		t.Errorf("got %d, %v", c, ok)
	}
	if _, ok := number.Compare("1", 1.0); ok {
		t.Error("a text is compared")
	}
}
