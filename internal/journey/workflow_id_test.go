package journey_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestWorkflowIDsFitTemporalsStores(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	exact := strings.Repeat("x", 255-len("cart/ana/"))
	kanji := strings.Repeat("籠", 30)
	seen := map[string]bool{}
	for _, parts := range []struct {
		customer, key string
		n             int
		want          string // empty: shortened
	}{
		{"ana", "", 1, "cart/ana"},
		{"ana", "k/1", 2, "cart/ana/k%2F1#2"},
		{"ana", exact, 1, "cart/ana/" + exact},
		{"ana", exact, 2, ""},
		{"ana", exact + "x", 1, ""},
		{"ana", exact + "y", 1, ""},
		{"ana", kanji, 1, ""},
		{"ana", kanji, 1000000, ""},
		{"ana", kanji + "a", 1, ""},
		{"ana", strings.Repeat("😀", 125), 1, ""},
		{strings.Repeat("山", 85), "", 1, ""},
		{long, long, 1, ""},
	} {
		id := journey.WorkflowID("cart", parts.customer, parts.key, parts.n)
		if len(id) > 255 || seen[id] {
			t.Errorf("%q has %d bytes, seen before: %t", id, len(id), seen[id])
		}
		seen[id] = true
		if parts.want != "" {
			if id != parts.want {
				t.Errorf("got %q, want %q", id, parts.want)
			}
			continue
		}
		head, _, shortened := strings.Cut(id, ",")
		text, err := url.PathUnescape(head)
		if !shortened || err != nil || !utf8.ValidString(text) || !strings.HasPrefix(text, "cart/"+parts.customer[:3]) {
			t.Errorf("%q is not readable at its head: %v", id, err)
		}
		if journey.FitWorkflowID(id) != id {
			t.Errorf("%q was shortened twice", id)
		}
	}
}

func TestShortenKeepsEqualIDsEqual(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	got := journey.Shorten(long, 255)
	if len(got) > 255 || !utf8.ValidString(got) || got != journey.Shorten(long, 255) || got == journey.Shorten(long+"x", 255) {
		t.Errorf("got %q", got)
	}
	if short := strings.Repeat("é", 127); journey.Shorten(short, 255) != short {
		t.Error("an id that fits was changed")
	}
}
