package segment

import (
	"maps"
	"strings"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/segmentcall"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// subscription makes the form of a newsletter that a web key sends (the event Subscription Requested with the property email) an event
// of the owner of the address, whoever filled the form in: of a customer of its own for each address, whom it gives the address and the
// language where they have none, and nothing else. It counts once per address and day (UTC), so that a form can cause no more than one
// mail a day to a stranger. Without email the call stays one of the visitor.
func (h *Handlers) subscription(key auth.Key, field string, c *customer.SegmentCall) *tolerant.Problem {
	text, has := c.Properties["email"].(string)
	if key.Kind == auth.ServerKey || c.Type != segmentcall.Track || c.Event != event.SubscriptionRequested || !has {
		return nil
	}
	mailbox, err := address.Judge(address.Mailbox, text)
	if err != nil {
		return &tolerant.Problem{Code: tolerant.BadValue, Field: tolerant.Join(field, "properties.email"), Message: err.Error()}
	}
	owner := h.rooms.Customers.Subscriber(mailbox.Key)
	known := map[string]any{"email": mailbox.Text}
	for _, from := range []map[string]any{c.Context, c.Properties} {
		if language, ok := from["language"].(string); ok {
			known["language"] = language
		}
	}
	properties := maps.Clone(c.Properties)
	delete(properties, "email")
	*c = customer.SegmentCall{
		Type: c.Type, Event: c.Event, Source: c.Source, Properties: properties, Context: known, AnonymousID: owner, Trace: c.Trace,
		// The page sees this id: nobody may find the customer's out from it.
		MessageID: event.SubscribePrefix + strings.TrimPrefix(h.rooms.Customers.Subscriber(
			mailbox.Key+" "+h.Now().UTC().Format("2006-01-02")), "subscriber-"),
	}
	return nil
}
