package decisioning

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
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
	dead := func(channel, key string) func(string, []string) map[string]address.State {
		return func(c string, _ []string) map[string]address.State {
			return map[string]address.State{key: {Dead: c == channel}}
		}
	}
	optedOut := func(string, []string) map[string]address.State {
		return map[string]address.State{"a@example.com": {OptedOut: true}}
	}
	bouncedMail := dead("email", "a@example.com")

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
		{"hard bounce", CustomerContext{Traits: full, Addresses: bouncedMail}, journey.Send{Via: []string{"email"}}, message,
			Verdict{Reason: Bounced}},
		{"hard bounce, transactional too", CustomerContext{Traits: full, Addresses: bouncedMail},
			journey.Send{Via: []string{"email"}, Category: journey.Transactional}, message, Verdict{Reason: Bounced}},
		{"a bounce leaves the other channel", CustomerContext{Traits: full, Addresses: bouncedMail},
			journey.Send{Via: []string{"email", "app"}}, message, Verdict{Channel: "app"}},
		{"a malformed address leaves the next channel", CustomerContext{Traits: with(traits{"email": "no address"})},
			journey.Send{Via: []string{"email", "push"}}, message, Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"a blank is no address", CustomerContext{Traits: with(traits{"email": " "})}, journey.Send{Via: []string{"email"}}, message,
			Verdict{Reason: NoAddress}},
		{"an address is written as it is sent", CustomerContext{Traits: with(traits{"email": " Ana <ana@Example.com>\u200b"})},
			journey.Send{Via: []string{"email"}}, message, Verdict{Channel: "email", Addresses: []string{"ana@example.com"}}},
		{"of two mail addresses the first", CustomerContext{Traits: with(traits{"email": []any{"", "b@example.com", "c@example.com"}})},
			journey.Send{Via: []string{"email"}}, message, Verdict{Channel: "email", Addresses: []string{"b@example.com"}}},
		{"of two mail addresses the one that is alive",
			CustomerContext{Traits: with(traits{"email": []any{"a@example.com", "c@example.com"}}),
				Addresses: bouncedMail}, journey.Send{Via: []string{"email"}}, message,
			Verdict{Channel: "email", Addresses: []string{"c@example.com"}}},
		{"a mailbox that has opted out", CustomerContext{Traits: full, Addresses: optedOut},
			journey.Send{Via: []string{"email", "app"}}, message,
			Verdict{Channel: "app"}},
		{"a mailbox that has opted out, transactional goes", CustomerContext{Traits: full, Addresses: optedOut},
			journey.Send{Via: []string{"email"}, Category: journey.Transactional}, message,
			Verdict{Channel: "email", Addresses: []string{"a@example.com"}}},
		{"a dead token leaves the other token", CustomerContext{Traits: full, Addresses: dead("push", "t1")},
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
		{"marketing withdrawn in words",
			CustomerContext{Traits: with(traits{"consent": traits{"marketing": "no"}})}, journey.Send{}, message,
			Verdict{Reason: NoConsent}},
		{"what cannot be understood is no", CustomerContext{Traits: with(traits{"consent": traits{"email": "maybe"}})},
			journey.Send{Via: []string{"email", "push"}}, message, Verdict{Channel: "push", Addresses: []string{"t1", "t2"}}},
		{"a consent in words", CustomerContext{Traits: with(traits{"consent": traits{"marketing": "yes"}})},
			journey.Send{Via: []string{"app"}},
			message, Verdict{Channel: "app"}},
		{"no consent at all", CustomerContext{Traits: with(traits{"consent": "no"})}, journey.Send{}, message, Verdict{Reason: NoConsent}},
		{"a topic in words", CustomerContext{Traits: with(traits{"consent": traits{"topics": traits{"news": "off"}}})},
			journey.Send{Topic: "news"}, message, Verdict{Reason: NoConsent}},
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
