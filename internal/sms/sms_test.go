package sms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/sms"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text     string
		encoding sms.Encoding
		units    int
		segments int
	}{
		"nothing":                       {"", sms.GSM7, 0, 0},
		"one letter":                    {"a", sms.GSM7, 1, 1},
		"one full segment":              {strings.Repeat("a", 160), sms.GSM7, 160, 1},
		"one letter more":               {strings.Repeat("a", 161), sms.GSM7, 161, 2},
		"two full segments":             {strings.Repeat("a", 306), sms.GSM7, 306, 2},
		"three segments":                {strings.Repeat("a", 307), sms.GSM7, 307, 3},
		"the default alphabet":          {"@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", sms.GSM7, 42, 1},
		"a euro has two":                {strings.Repeat("a", 159) + "€", sms.GSM7, 161, 2},
		"80 euros":                      {strings.Repeat("€", 80), sms.GSM7, 160, 1},
		"an escape is not cut":          {strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), sms.GSM7, 306, 3},
		"the extension":                 {"^{}\\[~]|€", sms.GSM7, 18, 1},
		"a lower c with a cedilla":      {"ça va", sms.UCS2, 5, 1},
		"a back quote is not in GSM-7":  {"`", sms.UCS2, 1, 1},
		"Japanese":                      {strings.Repeat("あ", 70), sms.UCS2, 70, 1},
		"Japanese, one more":            {strings.Repeat("あ", 71), sms.UCS2, 71, 2},
		"one quote of a word processor": {strings.Repeat("a", 70) + "’", sms.UCS2, 71, 2},
		"35 emoji":                      {strings.Repeat("🎉", 35), sms.UCS2, 70, 1},
		"36 emoji":                      {strings.Repeat("🎉", 36), sms.UCS2, 72, 2},
		"an emoji is not cut":           {strings.Repeat("🎉", 67), sms.UCS2, 134, 3},
		"an emoji at the edge":          {strings.Repeat("あ", 66) + "🎉" + strings.Repeat("あ", 66), sms.UCS2, 134, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := sms.Segments(test.text)
			if got.Encoding != test.encoding || got.Units != test.units || got.Segments != test.segments {
				t.Errorf("got %+v, want %s, %d units, %d segments", got, test.encoding, test.units, test.segments)
			}
			if (len(got.Odd) > 0) != (test.encoding == sms.UCS2) {
				t.Errorf("odd characters: %q", got.Odd)
			}
		})
	}
}

func ExampleSegments() {
	c := sms.Segments("Votre reçu est prêt 🎉🎉")
	fmt.Println(c.Encoding, c.Segments, string(c.Odd))
	// Output: UCS-2 1 çê🎉
}
