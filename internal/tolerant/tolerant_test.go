package tolerant_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/tolerant"
)

func TestTimesOfClients(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		in   any
		want time.Time
	}{
		{"2026-03-02T10:00:00Z", ten},
		{"2026-03-02T19:00:00+09:00", ten},
		{"2026-03-02T10:00:00+0000", ten},
		{"2026-03-02T19:00:00+0900", ten},
		{"2026-03-02T11:00:00+01", ten},
		{"2026-03-02 10:00:00", ten},
		{"2026-03-02 10:00:00Z", ten},
		{"2026-03-02 10:00:00 UTC", ten},
		{"2026-03-02 10:00:00 GMT", ten},
		{"2026-03-02 19:00:00 +0900", ten},
		{"2026-03-02 19:00:00.000000+09:00", ten},
		{"2026-03-02T10:00:00", ten},
		{"2026-03-02T10:00", ten},
		{"2026-03-02t10:00:00z", ten},
		{"2026-03-02T10:00:00.5Z", ten.Add(500 * time.Millisecond)},
		{"2026-03-02T10:00:00,5Z", ten.Add(500 * time.Millisecond)},
		{"2026-03-02T10:00:00.1234567Z", ten.Add(123456700)},
		{"2026-03-02T09:59:60Z", ten},
		{"2026-03-01T24:00:00Z", ten.Add(-10 * time.Hour)},
		{"2026-03-02", ten.Add(-10 * time.Hour)},
		{"2026/03/02 10:00:00", ten},
		{"20260302T100000Z", ten},
		{"20260302100000", ten},
		{json.Number("20260302100000"), ten},
		{" 2026-03-02T10:00:00Z\n", ten},
		{"Mon, 02 Mar 2026 10:00:00 GMT", ten},
		{"Mon, 02 Mar 2026 19:00:00 +0900", ten},
		{"Mon, 2 Mar 2026 10:00:00 +0000", ten},
		{"Mon Mar 02 2026 19:00:00 GMT+0900 (Japan Standard Time)", ten},
		{"Mon Mar  2 10:00:00 UTC 2026", ten},
		{json.Number("1772445600"), ten},
		{1772445600.0, ten},
		{"1772445600", ten},
		{"1772445600.5", ten.Add(500 * time.Millisecond)},
		{json.Number("1772445600000"), ten},
		{"1772445600000", ten},
		{json.Number("1772445600000000"), ten},
		{json.Number("1772445600000000000"), ten},
		{json.Number("1.7724456e9"), ten},
		{"/Date(1772445600000)/", ten},
		{"", time.Time{}},
		{nil, time.Time{}},
		{json.Number("0"), time.Time{}},
		{"0001-01-01T00:00:00Z", time.Time{}},
		{"0000-00-00 00:00:00", time.Time{}},
	} {
		got, none, err := tolerant.Time(c.in)
		if err != nil || none != c.want.IsZero() || got.Sub(c.want).Abs() > time.Microsecond {
			t.Errorf("%v: got %s, %v, %v; want %s", c.in, got, none, err, c.want)
		}
	}
	for _, in := range []any{
		"yesterday", "2026", json.Number("2026"), "20260302", json.Number("20260302"), "02/03/2026", "1969-12-31T23:59:59Z",
		json.Number("-5"),
		"0000-01-01T00:00:00Z", "Mon, 02 Mar 2026 10:00:00 PST", "10000-01-01T00:00:00Z", json.Number("1e30"), true, map[string]any{},
		"2026-13-01T00:00:00Z", "2026-03-02T25:00:00Z", "0x10", "NaN", "Infinity", "now",
	} {
		if got, none, err := tolerant.Time(in); err == nil {
			t.Errorf("%v: read as %s (%v)", in, got, none)
		}
	}
}

func TestTextsOfClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, charset, want string }{
		{"plain", "", "plain"},
		{"\xef\xbb\xbfmarked", "", "marked"},
		{"caf\xe9", "latin1", "café"},
		{"caf\xe9", "ISO-8859-1", "café"},
		{"caf\xe9", "windows-1252", "café"},
		{"caf\xe9", "", "caf\uFFFD"},
		{"café", "UTF8", "café"},
		{"café", `"utf-8"`, "café"},
		{"café", "klingon", "café"},
		{"\xff\xfea\x00", "", "a"},
		{"\xfe\xff\x00a", "utf-16", "a"},
		{"\x83\x65", "shift_jis", "テ"},
	} {
		got, _, err := tolerant.UTF8([]byte(c.in), c.charset)
		if err != nil || string(got) != c.want {
			t.Errorf("%q in %q: got %q, %v", c.in, c.charset, got, err)
		}
	}
	if _, _, err := tolerant.UTF8([]byte("caf\xe9"), "klingon"); err == nil {
		t.Error("an unknown charset is read")
	}
	plain := `{"a":"NaN -Infinity","n":-1}`
	if got := string(tolerant.Escape([]byte(plain))); got != plain {
		t.Errorf("changed to %s", got)
	}
	if got := string(tolerant.Escape([]byte("{\"a\":NaN,\"b\":[-Infinity, Infinity],\"c\":\"NaN\n\"}"))); got !=
		`{"a":-0e99999,"b":[-0e99999, -0e99999],"c":"NaN\u000a"}` {
		t.Errorf("got %s", got)
	}
	if got := string(tolerant.Escape([]byte("{\"a\n\":\"x\x00\\\"\ty\"}\n"))); got != `{"a\u000a":"x\u0000\"\u0009y"}`+"\n" {
		t.Errorf("escaped as %s", got)
	}
}
