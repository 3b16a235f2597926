package schema

import (
	"strings"
	"testing"
)

// Examples from the reference of the language, and mistakes that a schema can detect.
const (
	goodActions = `
group: retention
actions:
  loyalty-discount:
    message: loyalty-discount
    via: [email, push, app]
    value: customer.mrr * 0.3
    cost: 0.05
    lever: 1.2
    eligible: customer.tenure_days > 90
    applicable: intent.churn > 0.4
    suitable: intent.complaint < 0.6
    context: [{when: intent.churn > 0.6, weight: 2}]
    propensity: 0.05
    accept: {event: Offer Accepted, when: event.action == "loyalty-discount", within: 3d}
  call-back: {message: call-back, via: push, value: 5}
`
	goodIntents = `
intents:
  purchase:
    half_life: 3d
    evidence:
      - {event: Product Viewed, weight: 0.4}
      - {event: Order Completed, weight: -10}
  complaint:
    half_life: 7d
    evidence:
      - {event: [Call Ended, Chat Ended], when: event.wait_minutes > 15, weight: 1.5}
    examples: ["my parcel never came", "二度と買いません"]
`
	goodPolicy = `
limits:
  - {channel: email, max: 1, per: 1d}
  - {max: 5, per: 7d, topic: carts}
quiet_hours: {from: "21:00", to: "08:00", timezone: customer, missing_timezone: Asia/Tokyo, on_blocked: queue}
consent: {marketing: customer.consent.marketing, email: customer.consent.email, all: customer.consent.all}
suppress:
  - {when: intent.complaint > 0.6, category: marketing, reason: UPSET}
tone: [{when: intent.complaint > 0.4, use: empathetic}]
`
)

func TestActionsIntentsPolicy(t *testing.T) {
	t.Parallel()
	good := map[string]string{"actions": goodActions, "intents": goodIntents, "policy": goodPolicy}
	for kind, source := range good {
		_, document, ok := parse([]byte(source))
		if !ok {
			t.Fatalf("%s cannot be read", kind)
		}
		if why := refused(t, kind, document); why != nil {
			t.Errorf("%s: %v", kind, why)
		}
	}
	for _, c := range []struct{ kind, old, new string }{
		{"actions", "group: retention\n", ""},
		{"actions", "group: retention", "group: Retention"},
		{"actions", "group: retention", "group: retention\nowner: x"},
		{"actions", "    value: customer.mrr * 0.3\n", ""},
		{"actions", "value: customer.mrr * 0.3", "value: [1]"},
		{"actions", "message: loyalty-discount", "message: [loyalty-discount]"},
		{"actions", "[email, push, app]", "[email, fax]"},
		{"actions", "[email, push, app]", "[email, email]"},
		{"actions", "lever: 1.2", "levre: 1.2"},
		{"actions", "propensity: 0.05", "propensity: 1.5"},
		{"actions", "propensity: 0.05", "propensity: half"},
		{"actions", "[{when: intent.churn > 0.6, weight: 2}]", "{when: intent.churn > 0.6, weight: 2}"},
		{"actions", "weight: 2", "weight: -2"},
		{"actions", "event: Offer Accepted, ", ""},
		{"actions", "within: 3d", "within: 3 days"},
		{"actions", "  call-back:", "  Call Back:"},
		{"intents", "half_life: 3d", "half_life: 3"},
		{"intents", "    half_life: 3d\n", ""},
		{"intents", "half_life: 3d", "half-life: 3d"},
		{"intents", "{event: Product Viewed, weight: 0.4}", "{event: Product Viewed}"},
		{"intents", "{event: Product Viewed, weight: 0.4}", "{weight: 0.4}"},
		{"intents", "weight: 0.4", "weight: much"},
		{"intents", "[\"my parcel never came\", \"二度と買いません\"]", "my parcel never came"},
		{"intents", "  purchase:", "  Purchase!:"},
		{"intents", "intents:", "intent:"},
		{"policy", "channel: email", "channel: fax"},
		{"policy", "max: 5, ", ""},
		{"policy", "max: 5", "max: 5.5"},
		{"policy", ", per: 7d", ""},
		{"policy", "per: 1d", "per: day"},
		{"policy", "from: \"21:00\"", "from: \"25:00\""},
		{"policy", "from: \"21:00\", ", ""},
		{"policy", "on_blocked: queue", "on_blocked: wait"},
		{"policy", "timezone: customer", "timezone: 9"},
		{"policy", "all: customer.consent.all", "fax: customer.consent.all"},
		{"policy", "when: intent.complaint > 0.6, ", ""},
		{"policy", "category: marketing", "category: advertising"},
		{"policy", "use: empathetic", "tone: empathetic"},
		{"policy", "reason: UPSET", "chanel: email"},
		{"policy", "tone: [", "control_groups: {random: 200}\ntone: ["},
		{"policy", "tone: [", "control_groups: {randomly: 2}\ntone: ["},
		{"policy", "limits:", "limit:"},
	} {
		source := strings.Replace(good[c.kind], c.old, c.new, 1)
		_, document, ok := parse([]byte(source))
		if !ok || source == good[c.kind] {
			t.Fatalf("%s: %q for %q makes no file", c.kind, c.new, c.old)
		}
		if refused(t, c.kind, document) == nil {
			t.Errorf("%s: %q for %q is taken", c.kind, c.new, c.old)
		}
	}
}
