package channels

import (
	"context"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/channel"
)

// check returns the receipt of a message that no provider should see: one without a key, without the address that the
// channel needs, or without a required field; or one whose context has ended.
func check(ctx context.Context, spec channel.Spec, m channel.Message) (channel.Receipt, bool) {
	if ctx.Err() != nil {
		return channel.Receipt{Outcome: channel.NotSent, Reason: "the time to send was over before it began"}, true
	}
	if m.Key == "" {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the message has no ledger key"}, true
	}
	if spec.Address != "" && strings.TrimSpace(m.Address) == "" {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer has no " + spec.Address}, true
	}
	for _, f := range spec.Fields {
		if f.Required && strings.TrimSpace(m.Fields[f.Name]) == "" && (f.Or == "" || strings.TrimSpace(m.Fields[f.Or]) == "") {
			return channel.Receipt{Outcome: channel.Refused, Reason: "the " + f.Name + " came out empty"}, true
		}
	}
	return channel.Receipt{}, false
}

// oneLine puts s on one line and drops control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// printable drops control characters except line ends and tabs.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}
