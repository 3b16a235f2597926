package consent_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/consent"
)

func TestNormalTopics(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	topics := []consent.Topic{{Name: "offers", Channels: []string{"email", "push"}}, {Name: "news", Channels: []string{"email"}}}
	for _, c := range []struct {
		name        string
		given, want any
		problems    []string
	}{
		{"words", m{"offers": m{"email": "はい", "push": "off", "fax": "x"}}, m{"offers": m{"email": true, "push": false, "fax": "x"}}, nil},
		{"one word for all channels", m{"offers": "no"}, m{"offers": m{"email": false, "push": false}}, nil},
		{"one word for all topics", false, m{"offers": m{"email": false, "push": false}, "news": m{"email": false}}, nil},
		{"what is not understood", m{"news": m{"email": "perhaps"}}, m{"news": m{"email": false}},
			[]string{`topics.news.email is "perhaps", which is neither yes nor no; it was stored as false`}},
		{"a list", m{"news": []any{"email"}}, m{"news": m{"email": false}},
			[]string{`topics.news is a list, which is neither yes nor no; it was stored as false`}},
		{"empty lists, as PHP writes them", m{"news": []any{}}, m{"news": []any{}}, nil},
		{"what is taken out", m{"news": nil, "offers": m{"email": nil}}, m{"news": nil, "offers": m{"email": nil}}, nil},
		{"topics of others", m{"sport": "yes"}, m{"sport": "yes"}, nil},
	} {
		given := m{"topics": c.given, "tier": "gold"}
		got, problems := consent.NormalTopics(given, topics)
		var said []string
		for _, p := range problems {
			said = append(said, p.String())
		}
		if diff := cmp.Diff([]any{m{"topics": c.want, "tier": "gold"}, c.problems}, []any{got, said}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A merge keeps the stricter choice.
func TestJoinedTopics(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, c := range []struct{ survivor, gone, want any }{
		{m{"a": m{"email": true}}, m{"a": m{"email": false, "push": true}}, m{"a": m{"email": false, "push": true}}},
		{m{"a": m{"email": false}}, m{"a": m{"email": true}}, m{"a": m{"email": false}}},
		{m{"a": true}, m{"a": m{"email": false}}, m{"a": m{"email": false}}},
		{m{"a": m{"email": true}}, m{"a": false}, m{"a": false}},
		{nil, m{"a": m{"email": false}}, m{"a": m{"email": false}}},
		{m{"a": m{"email": false}}, nil, m{"a": m{"email": false}}},
	} {
		if diff := cmp.Diff(c.want, consent.Join(c.survivor, c.gone)); diff != "" {
			t.Errorf("%v, %v (-want +got):\n%s", c.survivor, c.gone, diff)
		}
	}
}
