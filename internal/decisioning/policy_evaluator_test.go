package decisioning

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestPermit(t *testing.T) {
	t.Parallel()
	channels := []channel.Spec{
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
		st      CustomerContext
		send    journey.Send
		message *journey.Message
		want    Verdict
	}{
		{"first channel of the registry", CustomerContext{Traits: full}, journey.Send{}, message,
			Verdict{Channel: "email", Addresses: []string{"a@example.com"}}},
		{"first permitted of a list", CustomerContext{Traits: traits{"push_token": "t1"}}, journey.Send{Via: []string{"email", "push"}},
			message, Verdict{Channel: "push", Addresses: []string{"t1"}}},
		{"the order is the designer's", CustomerContext{Traits: full}, journey.Send{Via: []string{"push", "email"}}, message,
			Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"no address", CustomerContext{}, journey.Send{Via: []string{"email"}}, message, Verdict{Reason: NoAddress}},
		{"an address of the wrong type is none", CustomerContext{Traits: traits{"email": 3.0}}, journey.Send{Via: []string{"email"}},
			message, Verdict{Reason: NoAddress}},
		{"a channel without address", CustomerContext{}, journey.Send{Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"log takes any treatment", CustomerContext{}, journey.Send{Via: []string{"log"}}, mailOnly, Verdict{Channel: "log"}},
		{"no treatment", CustomerContext{Traits: full}, journey.Send{Via: []string{"push"}}, mailOnly, Verdict{Reason: NoTreatment}},
		{"hard bounce", CustomerContext{Traits: full, Bounced: bouncedMail}, journey.Send{Via: []string{"email"}}, message,
			Verdict{Reason: Bounced}},
		{"hard bounce, transactional too", CustomerContext{Traits: full, Bounced: bouncedMail},
			journey.Send{Via: []string{"email"}, Category: journey.Transactional}, message, Verdict{Reason: Bounced}},
		{"a bounce leaves the other channel", CustomerContext{Traits: full, Bounced: bouncedMail},
			journey.Send{Via: []string{"email", "app"}}, message, Verdict{Channel: "app"}},
		{"a dead token leaves the other token", CustomerContext{Traits: full, Bounced: func(_, a string) bool { return a == "t1" }},
			journey.Send{Via: []string{"push"}}, message, Verdict{Channel: "push", Addresses: []string{"t2"}}},
		{"marketing withdrawn", CustomerContext{Traits: with(traits{"consent": traits{"marketing": false}})}, journey.Send{}, message,
			Verdict{Reason: NoConsent}},
		{"marketing withdrawn, transactional goes", CustomerContext{Traits: with(traits{"consent": traits{"marketing": false}})},
			journey.Send{Category: journey.Transactional}, message, Verdict{Channel: "email", Addresses: []string{"a@example.com"}}},
		{"one channel withdrawn", CustomerContext{Traits: with(traits{"consent": traits{"email": false}})},
			journey.Send{Via: []string{"email", "push"}}, message, Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"a topic withdrawn", CustomerContext{Traits: with(traits{"consent": traits{"topics": traits{"news": false}}})},
			journey.Send{Topic: "news"}, message, Verdict{Reason: NoConsent}},
		{"another topic goes", CustomerContext{Traits: with(traits{"consent": traits{"topics": traits{"news": false}}})},
			journey.Send{Topic: "sale", Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"all withdrawn, transactional too", CustomerContext{Traits: with(traits{"consent": traits{"all": false}})},
			journey.Send{Category: journey.Transactional}, message, Verdict{Reason: NoConsent}},
		{"an agent has the customer", CustomerContext{Traits: full, AgentActive: true}, journey.Send{}, message,
			Verdict{Reason: AgentActive}},
		{"an agent has the customer, transactional goes", CustomerContext{Traits: full, AgentActive: true},
			journey.Send{Category: journey.Transactional, Via: []string{"app"}}, message, Verdict{Channel: "app"}},
		{"nothing to say it by", CustomerContext{Traits: full}, journey.Send{}, &journey.Message{}, Verdict{Reason: NoTreatment}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Permit(c.st, SendRequest{Send: c.send, Message: c.message, Channels: channels})
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Verdict{}, "Channels")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
