package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/ingest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/offer"
)

// Positions in the lists of hooks.
const (
	loadConditions = iota
	applyTraits
	loadScores
	recordReport
	recordReaction
	storeEvent
	addEvidence
	creditOffers
	fanOut
)
const (
	mergeConditions = iota
	flushBeforeMerge
	mergeIntents
	mergeEvents
	mergeEnrollments
	mergeSends
	mergeHandoffs
	mergeDecisions
	mergeCustomer
	endYounger
)
const (
	flushTimezones = iota
	flushTraits
)

// Each case moves one hook past others, and names what breaks. Neighbors that are not here commute:
//
//   - OnEvent: RecordReaction reads and writes sends and engagement, which no other hook reads. CreditOffers writes offers, which
//     FanOut does not read. ApplyTraits and LoadScores differ only for a score whose definition has just changed: its
//     recomputation reads the profile after the event.
//   - OnMerge: MergeConditions flushes what it reads, and intent.Merge keeps what it reads in the unit. The hooks from
//     MergeEvents to MergeDecisions move rows of different tables and read no other ones.
//   - Flush: all but the time zones only write rows, and the database has no foreign keys. A reader sees them all at once.
func TestHookOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *enginetest.Suite)
		works  func(s *enginetest.Suite) bool
	}{
		"traits before the conditions that were true before": {moveOnEvent(loadConditions, applyTraits), traitEnters},
		"event stored after its evidence":                    {moveOnEvent(storeEvent, addEvidence), evidenceCountsItsEvent},
		"offers credited before the evidence":                {moveOnEvent(addEvidence, creditOffers), acceptanceSeesScore},
		"entries before the evidence":                        {moveOnEvent(addEvidence, fanOut), scoreEnters},
		"conditions merged after the events":                 {moveOnMerge(mergeConditions, mergeEvents), mergeAloneDoesNotEnter},
		"events moved before they are written":               {moveOnMerge(flushBeforeMerge, mergeEvents), evidenceMoves},
		"enrollments ended before the merge":                 {moveOnMerge(mergeCustomer, endYounger), youngerIsEnded},
		"time zones written after the traits":                {moveFlush(flushTimezones, flushTraits), entersAtLocalTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.New(t, ":memory:")
			if !c.works(s) {
				t.Fatal("it does not work in the order of engine.go")
			}
			s = enginetest.New(t, ":memory:")
			c.change(s)
			if c.works(s) {
				t.Error("it works in the changed order too: the hooks commute")
			}
		})
	}
}

// move returns a list with the hook at from moved past the hook at to.
func move[T any](list []T, from, to int) []T {
	hook := list[from]
	return slices.Insert(slices.Delete(slices.Clone(list), from, from+1), to, hook)
}

func moveOnEvent(from, to int) func(*enginetest.Suite) {
	return func(s *enginetest.Suite) { s.Intake = ingest.New(s.Units, s.Intents, move(engine.OnEvent(), from, to)) }
}

func moveOnMerge(from, to int) func(*enginetest.Suite) {
	return func(s *enginetest.Suite) { s.Units.Hooks.OnMerge = move(engine.OnMerge(), from, to) }
}

func moveFlush(from, to int) func(*enginetest.Suite) {
	return func(s *enginetest.Suite) { s.Units.Hooks.Flush = move(engine.Flush(), from, to) }
}

// A condition that the event makes true enters the journey.
func traitEnters(s *enginetest.Suite) bool {
	s.Publish([]*journey.Definition{enginetest.EnteredWhen(`customer.tier == "gold"`)}, enginetest.Reminder())
	r := s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"tier": "gold"}))
	return len(r[0].Entered) == 1
}

// publishInterest publishes the intent "buy-now", whose evidence is a viewed product if when holds, and more content.
func publishInterest(s *enginetest.Suite, when expr.Expr, c *journey.Content) {
	c.Intents = map[string]*journey.Intent{"buy-now": {Name: "buy-now", HalfLife: 3 * enginetest.Day, Evidence: []journey.Evidence{
		{Events: []string{"Product Viewed"}, When: when, Weight: 2}}}}
	_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
	s.Must(err)
}

func strength(s *enginetest.Suite, customerID string) float64 {
	scores, err := s.Intents.Scores(s.Ctx, enginetest.Noon, customerID)
	s.Must(err)
	return scores[0].Strength
}

// Evidence that counts events counts the event itself.
func evidenceCountsItsEvent(s *enginetest.Suite) bool {
	publishInterest(s, `count("Product Viewed") == 1.0`, enginetest.Content(nil))
	s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil))
	return strength(s, "ana") == 2
}

// An event accepts an offer because of the score that the same event has raised.
func acceptanceSeesScore(s *enginetest.Suite) bool {
	s.Units.Channels, s.Offers.Certain = enginetest.EmailAndApp, true
	publishInterest(s, "", enginetest.OfferContent(func(c *journey.Content) {
		for _, a := range c.Actions {
			a.Accept = &journey.Accept{Events: []string{"Product Viewed"}, When: "intent.buy_now > 0.3", Within: time.Hour}
		}
	}))
	s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"email": "ana@example.com", "tier": "gold", "mrr": 30.0}))
	d, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, offer.Inbound{UserID: "ana", Group: "offers", RequestID: "r"})
	s.Must(err)
	s.Equal(len(d.Slots), 1)
	s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil))
	var accepted int
	s.Must(s.Database.Reader.QueryRowContext(s.Ctx, `select count(*) from offers where outcome = 'accepted'`).Scan(&accepted))
	return accepted == 1
}

// An event enters a journey because of the score that the same event has raised.
func scoreEnters(s *enginetest.Suite) bool {
	publishInterest(s, "", enginetest.Content([]*journey.Definition{enginetest.EnteredWhen("intent.buy_now > 0.3")}, enginetest.Reminder()))
	return len(s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil))[0].Entered) == 1
}

// A condition that was true for one of two customers does not become true by their merge.
func mergeAloneDoesNotEnter(s *enginetest.Suite) bool {
	s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"tier": "gold"}), s.Track("ana", "Order Completed", nil),
		s.Track("ben", "Cart Viewed", nil))
	condition := enginetest.EnteredWhen(`count("Order Completed") == 1.0 && customer.tier == "gold"`)
	s.Publish([]*journey.Definition{condition}, enginetest.Reminder())
	r := s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "alias", MessageID: "alias", UserID: "ben", PreviousID: "ana"})
	return len(r[0].Entered) == 0
}

// The evidence of an anonymous visitor moves, even if the same request holds the event and the login.
func evidenceMoves(s *enginetest.Suite) bool {
	publishInterest(s, "", enginetest.Content(nil))
	viewed := s.Track("", "Product Viewed", nil)
	viewed.AnonymousID = "a7"
	login := s.Identify("ana", nil)
	login.AnonymousID = "a7"
	s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil))
	s.Ingest(enginetest.Noon, viewed, login)
	var events int
	s.Must(s.Database.Reader.QueryRowContext(s.Ctx, `select count(*) from events where customer = 'ana' and name = 'Product Viewed'`).
		Scan(&events))
	return strength(s, "ana") == 2 && events == 1
}

// Of two open enrollments in one journey the younger is ordered to end.
func youngerIsEnded(s *enginetest.Suite) bool {
	s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	s.Enter("ana", nil)
	s.Enter("ben", nil)
	s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "alias", MessageID: "alias", UserID: "ben", PreviousID: "ana"})
	return slices.ContainsFunc(s.Drain(), func(d string) bool { return d == "exit cart/ana" || d == "exit cart/ben" })
}

// A schedule enters a customer at nine in their own time zone.
func entersAtLocalTime(s *enginetest.Suite) bool {
	s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("09:00", ""))}, enginetest.Reminder())
	s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"timezone": "Asia/Tokyo"}))
	return len(s.RunSchedules(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))) == 1
}
