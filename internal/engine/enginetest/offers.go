package enginetest

import (
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// EmailAndApp are the channels of PublishOffers.
var EmailAndApp = []channel.Spec{{Name: "email", Address: "email"}, {Name: "app", KeepsContent: true}}

// OfferContent returns content with the group "offers": discount and points, by e-mail and in the app, accepted by
// "Offer Accepted" within a day.
func OfferContent(change ...func(*journey.Content)) *journey.Content {
	c := Content([]*journey.Definition{Cart()}, Reminder())
	c.Messages["offer"] = &journey.Message{
		Name:       "offer",
		Treatments: map[string]journey.Treatment{"email": {"subject": "For you", "html": "x"}, "app": {"title": "For you", "body": "x"}},
	}
	c.Groups = map[string][]string{"offers": {"discount", "points"}}
	c.Actions = map[string]*journey.Action{}
	for name, value := range map[string]expr.Expr{"discount": "10", "points": "5"} {
		c.Actions[name] = &journey.Action{Name: name, Group: "offers", Message: "offer", Value: value, Cost: "1", Propensity: 0.5,
			Accept: &journey.Accept{
				Events: []string{"Offer Accepted"},
				When:   expr.Expr(`event.action == "` + name + `"`),
				Within: 24 * time.Hour,
			}}
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// PublishOffers publishes OfferContent and identifies ana. Decisions explore nothing.
func (s *Suite) PublishOffers(change ...func(*journey.Content)) {
	s.T.Helper()
	s.Units.Channels, s.Offers.Certain = EmailAndApp, true
	_, err := s.Catalog.Publish(s.Ctx, Noon, OfferContent(change...))
	s.Must(err)
	s.Ingest(Noon.Add(-time.Hour), s.Identify("ana", Props{"email": "ana@example.com", "tier": "gold", "mrr": 30.0}))
}

// NewDecide returns the input of a decide step over the group "offers".
func (s *Suite) NewDecide(e unit.Enrollment, key string) contract.Decide {
	return contract.Decide{
		Ref:         Ref(e),
		EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent},
		Key:         key,
		Step:        "best",
		Visit:       1,
		Spec:        journey.Decide{Group: "offers"},
	}
}

// Decide decides, and leases the reservation for a minute from Wall.
func (s *Suite) Decide(in contract.Decide, at time.Time) offer.Decided {
	s.T.Helper()
	d, err := s.Engine.Offers.Decide(s.Ctx, at, Wall, in, time.Minute)
	s.Must(err)
	return d
}

// DecideAndSend decides, settles the send as sent, and returns the offer.
func (s *Suite) DecideAndSend(e unit.Enrollment, key string, at time.Time) offer.Slot {
	s.T.Helper()
	d := s.Decide(s.NewDecide(e, key), at)
	if d.Reservation == nil {
		s.T.Fatalf("nothing was reserved: %+v", d.Decision)
	}
	s.Must(s.Messages.Settle(s.Ctx, at, *d.Reservation, message.Settlement{Status: contract.StatusSent}))
	return d.Decision.Slots[0]
}
