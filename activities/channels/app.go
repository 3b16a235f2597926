package channels

import (
	"context"

	"github.com/tabi-journeys/tabi/channel"
)

var appSpec = channel.Spec{
	Name: "app", Doc: "A message in the app or on the site, which reads it from the gateway.", KeepsContent: true,
	Fields: []channel.Field{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address, or one of the app's own."},
	},
}

// app keeps messages for the customer's app to fetch. The caller stores them: the rendered treatment goes into the
// ledger row, where the gateway reads it. A repeat finds the row, so no message appears twice.
type app struct{ spec channel.Spec }

func openApp(_ Config) (channel.Channel, error) { return app{appSpec}, nil }

func (a app) Spec() channel.Spec { return a.spec }
func (a app) Dedupes() bool      { return true }
func (a app) Close() error       { return nil }

// Send only checks the message.
func (a app) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, a.spec, m); bad {
		return r
	}
	return channel.Receipt{Outcome: channel.Sent}
}
