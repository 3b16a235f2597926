package decisioning

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestPermit(t *testing.T) {
	t.Parallel()
	channels := []journey.ChannelSpec{
		{Name: "email", Address: "email"}, {Name: "push", Address: "push_token"}, {Name: "app"}, {Name: "log", Any: true},
	}
	message := &journey.Message{Name: "hello", Treatments: map[string]journey.Treatment{"email": {}, "push": {}, "app": {}}}
	mailOnly := &journey.Message{Name: "hello", Treatments: map[string]journey.Treatment{"email": {}}}
	type traits = map[string]any
	full := traits{"email": "a@example.com", "push_token": []any{"t1", "t2"}}
	with := func(extra traits) traits {
		all := traits{}
		for _, m := range []traits{full, extra} {
			for k, v := range m {
				all[k] = v
			}
		}
		return all
	}
	bouncedMail := func(channel, address string) bool { return channel == "email" && address == "a@example.com" }

	for _, c := range []struct {
		name    string
		st      Standing
		send    journey.Send
		message *journey.Message
		want    Verdict
	}{
		{"first channel of the registry", Standing{Traits: full}, journey.Send{}, message, Verdict{Channel: "email", Addresses: []string{"a@example.com"}}},
		{"first permitted of a list", Standing{Traits: traits{"push_token": "t1"}}, journey.Send{Via: []string{"email", "push"}}, message, Verdict{Channel: "push", Addresses: []string{"t1"}}},
		{"the order is the designer's", Standing{Traits: full}, journey.Send{Via: []string{"push", "email"}}, message, Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"no address", Standing{}, journey.Send{Via: []string{"email"}}, message, Verdict{Reason: NoAddress}},
		{"an address of the wrong type is none", Standing{Traits: traits{"email": 3.0}}, journey.Send{Via: []string{"email"}}, message, Verdict{Reason: NoAddress}},
		{"a channel without address", Standing{}, journey.Send{Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"log takes any treatment", Standing{}, journey.Send{Via: []string{"log"}}, mailOnly, Verdict{Channel: "log"}},
		{"no treatment", Standing{Traits: full}, journey.Send{Via: []string{"push"}}, mailOnly, Verdict{Reason: NoTreatment}},
		{"hard bounce", Standing{Traits: full, Bounced: bouncedMail}, journey.Send{Via: []string{"email"}}, message, Verdict{Reason: Bounced}},
		{"hard bounce, transactional too", Standing{Traits: full, Bounced: bouncedMail}, journey.Send{Via: []string{"email"}, Category: journey.Transactional}, message, Verdict{Reason: Bounced}},
		{"a bounce leaves the other channel", Standing{Traits: full, Bounced: bouncedMail}, journey.Send{Via: []string{"email", "app"}}, message, Verdict{Channel: "app"}},
		{"a dead token leaves the other token", Standing{Traits: full, Bounced: func(_, a string) bool { return a == "t1" }}, journey.Send{Via: []string{"push"}}, message, Verdict{Channel: "push", Addresses: []string{"t2"}}},
		{"marketing withdrawn", Standing{Traits: with(traits{"consent": traits{"marketing": false}})}, journey.Send{}, message, Verdict{Reason: NoConsent}},
		{"marketing withdrawn, transactional goes", Standing{Traits: with(traits{"consent": traits{"marketing": false}})}, journey.Send{Category: journey.Transactional}, message, Verdict{Channel: "email", Addresses: []string{"a@example.com"}}},
		{"one channel withdrawn", Standing{Traits: with(traits{"consent": traits{"email": false}})}, journey.Send{Via: []string{"email", "push"}}, message, Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"a topic withdrawn", Standing{Traits: with(traits{"consent": traits{"topics": traits{"news": false}}})}, journey.Send{Topic: "news"}, message, Verdict{Reason: NoConsent}},
		{"another topic goes", Standing{Traits: with(traits{"consent": traits{"topics": traits{"news": false}}})}, journey.Send{Topic: "sale", Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"all withdrawn, transactional too", Standing{Traits: with(traits{"consent": traits{"all": false}})}, journey.Send{Category: journey.Transactional}, message, Verdict{Reason: NoConsent}},
		{"an agent has the customer", Standing{Traits: full, AgentActive: true}, journey.Send{}, message, Verdict{Reason: AgentActive}},
		{"an agent has the customer, transactional goes", Standing{Traits: full, AgentActive: true}, journey.Send{Category: journey.Transactional, Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"nothing to say it by", Standing{Traits: full}, journey.Send{}, &journey.Message{}, Verdict{Reason: NoTreatment}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Permit(c.st, Ask{Send: c.send, Message: c.message, Channels: channels})
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Verdict{}, "Tried")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
