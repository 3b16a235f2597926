package decisioning

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	book, err := journey.NewRulebook(journey.Rules{Topics: map[string]*journey.Topic{
		"offers":       {Channels: []string{"email", "push"}, Default: true},
		"price-alerts": {Channels: []string{"email"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const unset = "the customer has not chosen the topic price-alerts on "
	type m = map[string]any
	mail, pushes := m{"email": "a@example.com"}, m{"email": "a@example.com", "push_token": "t1"}
	both := []string{"email", "push"}
	for _, c := range []struct {
		name         string
		addresses    m
		topics       any // the trait; nil: absent
		topic        string
		via          []string
		category     string
		scenario     bool
		want, detail string // the channel or the reason; of the first channel
	}{
		{name: "nothing chosen, on by default", addresses: mail, topic: "offers", via: both, want: "email"},
		{name: "nothing chosen, off by default", addresses: mail, topic: "price-alerts", via: both, want: "NO_CONSENT",
			detail: unset + "email, and its default is no"},
		{name: "nor in a scenario", addresses: mail, topic: "price-alerts", via: both, scenario: true, want: "NO_CONSENT",
			detail: unset + "email, and its default is no"},
		{name: "chosen", addresses: mail, topics: m{"price-alerts": m{"email": true}}, topic: "price-alerts", via: both, want: "email"},
		{name: "a channel that is off is no candidate", addresses: pushes, topics: m{"offers": m{"email": false}}, topic: "offers",
			via: both, want: "push", detail: "customer.topics.offers.email is false"},
		{name: "nor by best", addresses: pushes, topics: m{"offers": m{"email": "no"}}, topic: "offers", want: "push",
			detail: "customer.topics.offers.email is false"},
		{name: "the reason is that of a candidate", addresses: mail, topics: m{"offers": m{"email": false}}, topic: "offers", via: both,
			want: "NO_ADDRESS", detail: "customer.topics.offers.email is false"},
		{name: "none is left", addresses: pushes, topics: m{"offers": m{"email": false, "push": false}}, topic: "offers", via: both,
			want: "NO_CONSENT", detail: "customer.topics.offers.email is false"},
		{name: "another topic", addresses: mail, topics: m{"news": m{"email": false}}, topic: "offers", via: both, want: "email"},
		{name: "a channel that is not asked about counts by default", addresses: pushes, topics: m{"price-alerts": m{"push": true}},
			topic: "price-alerts", via: []string{"push"}, want: "NO_CONSENT", detail: unset + "push, and its default is no"},
		{name: "or is on by it", addresses: mail, topics: m{"offers": m{"app": false}}, topic: "offers", via: []string{"app"}, want: "app"},
		{name: "what cannot be understood is no", addresses: mail, topics: m{"offers": m{"email": "perhaps"}}, topic: "offers",
			via: both[:1], want: "NO_CONSENT", detail: "customer.topics.offers.email is neither yes nor no, which means no"},
		{name: "nor a list", addresses: mail, topics: []any{"offers"}, topic: "offers", via: both[:1], want: "NO_CONSENT",
			detail: "customer.topics.offers.email is neither yes nor no, which means no"},
		{name: "an empty list is an empty object", addresses: mail, topics: []any{}, topic: "offers", via: both, want: "email"},
		{name: "one word for a topic", addresses: pushes, topics: m{"offers": "no"}, topic: "offers", via: both, want: "NO_CONSENT",
			detail: "customer.topics.offers.email is false"},
		{name: "transactional does not ask", addresses: mail, topics: m{"offers": m{"email": false}}, topic: "offers", via: both,
			category: journey.Transactional, want: "email"},
		{name: "without a topic nothing is asked", addresses: mail, topics: m{"offers": m{"email": false}}, via: both, want: "email"},
		{name: "an older revision's topic", addresses: mail, topic: "gone", via: both, want: "email"},
		{name: "and a refusal of it", addresses: mail, topics: m{"gone": m{"email": false}}, topic: "gone", via: both[:1],
			want: "NO_CONSENT", detail: "customer.topics.gone.email is false"},
	} {
		customer := m{}
		for k, v := range c.addresses {
			customer[k] = v
		}
		if c.topics != nil {
			customer["topics"] = c.topics
		}
		st := CustomerContext{Traits: customer, Rules: book, Now: evening, Scenario: c.scenario}
		st.Scope = journey.NewScope(expr.Vars{Customer: customer, Now: evening})
		send := journey.Send{Via: c.via, Topic: c.topic, Category: c.category}
		got := Permit(st, SendRequest{Send: send, Message: hello, Channels: registry})
		said := got.Channel
		if said == "" {
			said = got.Reason
		}
		if diff := cmp.Diff([]string{c.want, c.detail}, []string{said, got.Channels[0].Detail}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
