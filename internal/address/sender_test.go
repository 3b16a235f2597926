package address_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/address"
)

// A sender is an address with any name, and no name changes the address.
func TestParseSender(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"shop@example.com":                               "shop@example.com",
		"Shop <shop@example.com>":                        "Shop <shop@example.com>",
		`"Shop, Inc." <shop@example.com>`:                "Shop, Inc. <shop@example.com>",
		"旅の店 <shop@例え.jp>":                               "旅の店 <shop@xn--r8jz45g.jp>",
		"=?utf-8?B?5peF?= <shop@example.com>":            "旅 <shop@example.com>",
		"eve <eve@example.net> <shop@example.com>":       "eve <eve@example.net> <shop@example.com>",
		`eve" <eve@example.net>, "x <shop@example.com>`:  `eve" <eve@example.net>, "x <shop@example.com>`,
		"shop@example.com\r\nBcc: eve@example.net":       "",
		"a@example.com, b@example.com":                   "",
		"Shop <shop>":                                    "",
		"Shop <shop@example.com> ltd":                    "",
		"旅@example.com":                                  "",
		strings.Repeat("n", 200) + " <shop@example.com>": "",
		"":     "",
		"Shop": "",
	} {
		got := ""
		a, err := address.ParseSender(text)
		if err == nil {
			got = address.SenderText(a)
			if again, err := address.ParseSender(got); err != nil || *again != *a {
				t.Errorf("%q is written %q, which is read as %v, %v", text, got, again, err)
			}
			if strings.ContainsAny(a.String(), "\r\n") {
				t.Errorf("%q: the header has a line break: %q", text, a.String())
			}
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: the error quotes it: %v", text, err)
		}
		if got != want {
			t.Errorf("%q is %q, want %q (%v)", text, got, want, err)
		}
	}
}
