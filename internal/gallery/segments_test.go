package gallery

import "testing"

func TestSegmentsInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Your cart waits": "1 segment of GSM-7", "It’s here": "1 segment of UCS-2, because of ’", "荷物が届きました": "1 segment of UCS-2",
	} {
		if got := segments(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
