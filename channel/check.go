package channel

import (
	"context"
	"strings"
)

// Check returns the receipt of a message that no provider should see, and true: one without a key, without the address
// that the channel needs, or without a required field; or one whose context has ended. Every channel calls it first.
func Check(ctx context.Context, spec Spec, m Message) (r Receipt, bad bool) {
	if ctx.Err() != nil {
		return Receipt{Outcome: NotSent, Reason: "the time to send was over before it began"}, true
	}
	if m.Key == "" {
		return Receipt{Outcome: Refused, Reason: "the message has no ledger key"}, true
	}
	if spec.Address != "" && strings.TrimSpace(m.Address) == "" {
		return Receipt{Outcome: Refused, Reason: "the customer has no " + spec.Address}, true
	}
	for _, f := range spec.Fields {
		if f.Required && strings.TrimSpace(m.Fields[f.Name]) == "" && (f.Or == "" || strings.TrimSpace(m.Fields[f.Or]) == "") {
			return Receipt{Outcome: Refused, Reason: "the " + f.Name + " is empty after rendering"}, true
		}
	}
	return Receipt{}, false
}
