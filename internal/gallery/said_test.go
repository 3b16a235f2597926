package gallery

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// What customers read before and after is compared, and html by its text.
func TestCompare(t *testing.T) {
	t.Parallel()
	content := func(email journey.Treatment, languages map[string]map[string]journey.Treatment) *journey.Content {
		return &journey.Content{Messages: map[string]*journey.Message{
			"cart": {Name: "cart", Treatments: map[string]journey.Treatment{"email": email}, Languages: languages},
			"same": {Name: "same", Treatments: map[string]journey.Treatment{"sms": {"text": "Hi {{ customer.first_name }}"}}},
		}}
	}
	old := content(journey.Treatment{"subject": "Hi", "html": "<p>Hello {{ customer.first_name }}</p><p>Bye</p>"}, nil)
	now := content(journey.Treatment{"subject": "Hi", "html": "<div>Hello <b>{{ customer.first_name | upcase }}</b></div><p>Bye</p>"},
		map[string]map[string]journey.Treatment{"ja": {"email": {"subject": "{{ customer.first_name }}様"}}})
	said, err := Compare(t.Context(), old, now, channels.Shipped().Specs())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range said {
		if s.Message != "cart" {
			t.Errorf("%+v did not change", s)
		}
		got = append(got, s.Treatment+" "+s.Field+" for "+s.Customer+": "+strings.Join(Lines(s.Old, s.New), " | "))
	}
	want := []string{
		"email text for a typical customer: - Hello Hana | + Hello HANA",
		"email, ja subject for a typical customer: + 花様",
	}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, want %q and the text in Japanese", got, want)
	}

	markup := &journey.Content{Messages: maps.Clone(old.Messages)}
	markup.Messages["cart"] = &journey.Message{Name: "cart", Treatments: map[string]journey.Treatment{
		"email": {"subject": "Hi", "html": `<p style="color:#000">Hello {{ customer.first_name }}</p><p>Bye</p>`},
	}}
	said, err = Compare(t.Context(), old, markup, channels.Shipped().Specs())
	if err != nil || len(said) != 1 || !said[0].Markup {
		t.Errorf("%+v, %v", said, err)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		old, now string
		want     []string
	}{
		{"a", "b", []string{"- a", "+ b"}},
		{"a\nb\nc\nd\ne", "a\nb\nc\nd\nf", []string{"  d", "- e", "+ f"}},
		{"a\nb\nc\nd\ne\nf\ng", "x\nb\nc\nd\ne\nf\ny", []string{"- a", "+ x", "  b", "…", "  f", "- g", "+ y"}},
		{"", "a", []string{"+ a"}},
		{"a", "", []string{"- a"}},
		{"a", "a", nil},
	} {
		if diff := cmp.Diff(c.want, Lines(c.old, c.now)); diff != "" {
			t.Errorf("Lines(%q, %q):\n%s", c.old, c.now, diff)
		}
	}
}
