package channel

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
)

var appSpec = journey.ChannelSpec{
	Name: "app", Doc: "A message in the app or on the site, which reads it from the gateway.",
	Fields: []journey.ChannelField{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address, or one of the app's own."},
	},
}

// app keeps messages for the customer's app to fetch. The keeping is the caller's: the rendered treatment goes into the
// ledger row, where the gateway reads it. A repeat finds the row there, so nothing is said twice.
type app struct{ spec journey.ChannelSpec }

func openApp(spec journey.ChannelSpec, _ Config) (Channel, error) { return app{spec}, nil }

func (a app) Spec() journey.ChannelSpec { return a.spec }
func (a app) Dedupes() bool             { return true }
func (a app) Close() error              { return nil }

// Send has nothing left to do.
func (a app) Send(ctx context.Context, m Message) Receipt {
	if r, bad := check(ctx, a.spec, m); bad {
		return r
	}
	return Receipt{Outcome: Sent}
}
