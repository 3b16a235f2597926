package intent_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// waitsForLevels returns a journey that waits for nothing but levels.
func waitsForLevels(levels ...journey.Level) *journey.Definition {
	return enginetest.Cart(enginetest.Named("levelled"), func(d *journey.Definition) {
		d.Goal = nil
		wait := &journey.WaitFor{Timeout: 90 * enginetest.Day, OnTimeout: 1}
		for i := range levels {
			wait.Arms = append(wait.Arms, journey.EventArm{Level: &levels[i], Then: 1})
		}
		d.Steps[0].Spec = wait
	})
}

func TestEnrollmentsAreNotifiedOfLevels(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents(), waitsForLevels(above("buy-now", 0.5), below("complaint", 0.2)))
		hears := func(now time.Time, c customer.SegmentCall) int {
			s.T.Helper()
			return len(s.Ingest(now, c)[0].DeliveredTo)
		}
		s.Ingest(enginetest.Noon, s.Track("ana", "Call Ended", enginetest.Props{"wait_minutes": 20}), s.Track("ana", "Cart Updated", nil))
		s.Drain()
		s.Equal([]int{
			hears(enginetest.Noon, s.Track("ana", "Page", nil)), // no level holds
			hears(enginetest.Noon, s.Track("ana", "Product Viewed", nil)),
			hears(enginetest.Noon, s.Track("ana", "Product Viewed", nil)), // above
			hears(enginetest.Noon, s.Track("ana", "Page", nil)),           // still above
			hears(enginetest.Noon, s.Track("ana", "Order Completed", nil)),
			hears(enginetest.Noon.Add(40*enginetest.Day), s.Track("ana", "Page", nil)), // below, by decay
		}, []int{0, 0, 1, 1, 0, 1})

		// Held-out enrollments, and those that await their goal, are on no step.
		s.publishIntents(
			shopIntents(),
			waitsForLevels(above("buy-now", 0.5)),
			enginetest.Cart(func(d *journey.Definition) { d.Entry.Holdout = 100 }),
		)
		s.Equal(hears(enginetest.Noon, s.Track("ben", "Cart Updated", nil)), 0)
		s.Equal(
			hears(enginetest.Noon, s.Track("ben", "Product Viewed", nil))+hears(enginetest.Noon, s.Track("ben", "Product Viewed", nil)),
			1,
		)

		// An event that makes a level hold sooner by decay is delivered too.
		s.publishIntents(
			shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[1].Weight = -0.1 }),
			waitsForLevels(below("buy-now", 0.2)),
		)
		s.Ingest(
			enginetest.Noon,
			s.Track("cem", "Product Viewed", nil),
			s.Track("cem", "Product Viewed", nil),
			s.Track("cem", "Cart Updated", nil),
		)
		s.Equal(
			[]int{
				hears(enginetest.Noon, s.Track("cem", "Product Viewed", nil)),
				hears(enginetest.Noon, s.Track("cem", "Order Completed", nil)),
			},
			[]int{0, 1},
		)
	})
}

func TestRedefinedIntentsAreRecomputed(t *testing.T) {
	each(t, func(s *suite) {
		msg := s.Track("ana", "Message Received", nil)
		msg.Classified = &customer.Classification{Intent: "complaint", Confidence: 0.5}
		s.publishIntents(shopIntents(), waitsForLevels(above("buy-now", 0.8)))
		for _, id := range []string{"ana", "ben", "cem", "dan"} {
			s.Ingest(
				enginetest.Noon,
				s.Identify(id, enginetest.Props{"tier": "gold"}),
				s.Track(id, "Cart Updated", nil),
				s.Track(id, "Product Viewed", nil),
				s.Track(id, "Call Ended", enginetest.Props{"wait_minutes": 20}),
			)
		}
		s.Ingest(enginetest.Noon, msg, s.Identify("eve", nil))
		s.Drain()
		changed := shopIntents(func(all map[string]*journey.Intent) {
			all["buy-now"].Evidence[0].Weight = 2
			all["new"] = &journey.Intent{
				Name:     "new",
				HalfLife: enginetest.Day,
				Evidence: []journey.Evidence{{Events: []string{"Call Ended"}, Weight: 1}},
			}
		})
		s.publishIntents(changed, waitsForLevels(above("buy-now", 0.8)))
		want := func(buy, complaint, fresh float64) map[string]float64 {
			return map[string]float64{"buy-now": buy, "complaint": complaint, "new": fresh}
		}
		// Reading scores recomputes them without writing; an event writes them.
		s.Equal(
			s.strengths(enginetest.Noon.Add(enginetest.Day), "ana"),
			want(round9(2*math.Exp2(-1./3)), round9(2.5*math.Exp2(-1./7)), 0.5),
		)
		s.Equal(len(s.Ingest(enginetest.Noon.Add(3*enginetest.Day), s.Track("ben", "Page", nil))[0].DeliveredTo), 0) // 1, 0.63
		s.Equal(len(s.Ingest(enginetest.Noon.Add(3*enginetest.Day), s.Track("ben", "Product Viewed", nil))[0].DeliveredTo), 1)
		s.Equal(s.strengths(enginetest.Noon.Add(3*enginetest.Day), "ben"), want(3, round9(1.5*math.Exp2(-3./7)), 0.125))
		s.Drain()
		all, err := s.Intents.Scores(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal([]int{len(all[0].Evidence), len(all[1].Evidence), len(all[2].Evidence)}, []int{1, 2, 1})

		pages := 0
		for more := true; more; pages++ {
			more, err = s.Intents.Recompute(s.Ctx, enginetest.Noon, 2)
			s.Must(err)
		}
		s.Equal(pages, 2) // eve has no evidence
		s.Equal(
			s.Drain(),
			[]string{
				"scores changed levelled/ana",
				"scores changed levelled/cem",
				"scores changed levelled/dan",
			},
		)
		s.Equal(s.strengths(enginetest.Noon, "cem"), want(2, 1.5, 1))
		for _, id := range []string{"ana", "ben", "cem", "dan"} {
			fresh, stale := s.countRows(id)
			s.Equal([]int{fresh, stale}, []int{3, 0})
		}
		more, err := s.Intents.Recompute(s.Ctx, enginetest.Noon, 2)
		s.Must(err)
		s.Equal(more, false)

		// Examples are not part of an intent's definition.
		changed["new"].Examples = []string{"hello"}
		s.publishIntents(changed, waitsForLevels(above("buy-now", 0.8)))
		open, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from settings where key = 'intents'`)
		s.Must(err)
		s.Equal(open, false)

		// An intent that is released again counts the events of the time in between.
		delete(changed, "new")
		s.publishIntents(changed, waitsForLevels(above("buy-now", 0.8)))
		s.Ingest(enginetest.Noon, s.Track("cem", "Call Ended", nil))
		changed["new"] = &journey.Intent{
			Name:     "new",
			HalfLife: enginetest.Day,
			Evidence: []journey.Evidence{{Events: []string{"Call Ended"}, Weight: 1}},
		}
		s.publishIntents(changed, waitsForLevels(above("buy-now", 0.8)))
		s.Equal(s.strengths(enginetest.Noon, "cem"), want(2, 1.5, 2))
		s.Ingest(enginetest.Noon, s.Track("cem", "Call Ended", nil))
		s.Equal(s.strengths(enginetest.Noon, "cem"), want(2, 1.5, 3))
	})
}

// countRows counts a customer's strengths of the current definitions, and of earlier ones.
func (s *suite) countRows(id string) (fresh, stale int) {
	s.T.Helper()
	s.Must(s.Database.Read(s.Ctx, func(tx sqldb.Conn) error {
		rel, err := s.Catalog.Current(s.Ctx, tx)
		if err != nil {
			return err
		}
		found, old, err := intent.ReadCustomerScores(s.Ctx, tx, rel.Intents, []string{id})
		fresh, stale = len(found[id].Of), len(old)
		return err
	}))
	return fresh, stale
}

// A decision and a send recompute stale scores under the customer's lock. They store them once, and the enrollments
// that wait for them are notified.
func TestDecisionsStoreRecomputedIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.Units.Channels, s.Offers.Certain = enginetest.EmailAndApp, true
		believe := func(weight float64) {
			c := enginetest.OfferContent()
			c.Journeys["levelled"] = waitsForLevels(above("buy-now", 0.8))
			c.Intents = shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = weight })
			_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
			s.Must(err)
		}
		believe(0.1)
		for _, id := range []string{"ana", "ben"} {
			s.Ingest(
				enginetest.Noon,
				s.Identify(id, enginetest.Props{"email": id + "@example.com"}),
				s.Track(id, "Cart Updated", nil),
				s.Track(id, "Product Viewed", nil),
			)
		}
		s.Drain()
		believe(2)
		ask := offer.Inbound{UserID: "ana", Group: "offers", RequestID: "r", Preview: true}
		_, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, ask)
		s.Must(err)
		if _, stale := s.countRows("ana"); stale != 1 {
			s.T.Fatal("a preview stored scores")
		}
		ask.Preview = false
		_, err = s.Offers.DecideInbound(s.Ctx, enginetest.Noon, ask)
		s.Must(err)
		fresh, stale := s.countRows("ana")
		s.Equal([]int{fresh, stale}, []int{2, 0})
		s.Equal(s.Drain(), []string{"scores changed levelled/ana"})
		_, err = s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, s.NewSend(s.OpenAt("levelled/ben"), "k"), time.Minute)
		s.Must(err)
		fresh, stale = s.countRows("ben")
		s.Equal([]int{fresh, stale}, []int{2, 0})
	})
}

// If an intent is redefined before two customers merge, both histories count by the new definition.
func TestMergeOfRedefinedIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents())
		s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil), s.Track("old", "Product Viewed", nil))
		s.publishIntents(shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = 1 }))
		s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"})
		s.Equal(s.strengths(enginetest.Noon, "ana"), map[string]float64{"buy-now": 2, "complaint": 0})
		_, err := s.Intents.Recompute(s.Ctx, enginetest.Noon, 100)
		s.Must(err)
		s.Equal(s.strengths(enginetest.Noon, "ana"), map[string]float64{"buy-now": 2, "complaint": 0})
	})
}

// Customers who merge under a release without intents have joint scores when intents return, including scores that were set.
func TestMergeWithoutIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents())
		s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil), s.Track("old", "Product Viewed", nil))
		s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon, "old", map[string]float64{"complaint": 0.75}))
		s.Publish(nil, enginetest.Reminder())
		s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"})
		for _, table := range []string{"intents", "intent_evidence"} {
			stranded, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from `+table+` where customer = 'old'`)
			s.Must(err)
			s.Equal(stranded, false)
		}
		s.publishIntents(shopIntents())
		s.Equal(s.strengths(enginetest.Noon, "ana"), map[string]float64{"buy-now": 0.8, "complaint": round9(math.Log(4))})
	})
}

func TestSetIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents(), waitsForLevels(above("buy-now", 0.5)), enginetest.EnteredWhen("intent.buy_now > 0.8"))
		s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil), s.Track("ana", "Cart Updated", nil))
		s.Drain()
		s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon, "ana", map[string]float64{"buy-now": 0.75}))
		s.Equal(s.Drain(), []string{"scores changed levelled/ana"})
		s.Ingest(enginetest.Noon.Add(3*enginetest.Day), s.Track("ana", "Product Viewed", nil))
		s.Equal(
			s.strengths(enginetest.Noon.Add(3*enginetest.Day), "ana"),
			map[string]float64{"buy-now": round9(math.Log(2) + 0.4), "complaint": 0},
		)
		all, err := s.Intents.Scores(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal([]any{len(all[0].Evidence), all[0].Evidence[0].Name}, []any{2, "set"})
		s.Drain()

		// A score that was set is kept when the definition changes; evidence from before it is not.
		s.publishIntents(
			shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = 1 }),
			waitsForLevels(above("buy-now", 0.5)),
			enginetest.EnteredWhen("intent.buy_now > 0.8"),
		)
		s.Equal(
			s.strengths(enginetest.Noon.Add(3*enginetest.Day), "ana"),
			map[string]float64{"buy-now": round9(math.Log(2) + 1), "complaint": 0},
		)

		// A condition that becomes true enters its journey once.
		for range 2 {
			s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon.Add(4*enginetest.Day), "ben", map[string]float64{"buy-now": 0.9}))
		}
		s.Equal(s.Drain(), []string{"start gold/ben"})
		s.Equal(s.OpenAt("gold/ben").EntryName, "Customer Updated")
		err = s.Intake.SetIntents(s.Ctx, enginetest.Noon, "ana", map[string]float64{"weather": 0.5})
		if !message.IsInput(err) {
			s.T.Fatal(err)
		}
	})
}

func TestExpressionsSeeIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents(), enginetest.Cart(func(d *journey.Definition) {
			d.Entry.When, d.Entry.Reentry = "intent.buy_now > 0.5 && intent.complaint == 0.0", journey.ReentryAlways
		}), enginetest.EnteredWhen("intent.buy_now > 0.6"))
		// The current event has been counted.
		s.Equal(
			s.CountEntries(
				s.Track("ana", "Product Viewed", nil),
				s.Track("ana", "Product Viewed", nil),
				s.Track("ana", "Cart Updated", nil),
			),
			[]int{0, 0, 1},
		)
		e := s.OpenAt("cart/ana")
		s.Equal(s.CountEntries(s.Track("ana", "Product Viewed", nil), s.Track("ana", "Product Viewed", nil)), []int{1, 0})
		vars, err := s.Variables.View(s.Ctx, enginetest.Noon.Add(3*enginetest.Day), enginetest.Ref(e), contract.EvalContext{})
		s.Must(err)
		for name, score := range vars.Intent {
			vars.Intent[name] = round9(score)
		}
		s.Equal(vars.Intent, map[string]float64{"buy-now": round9(1 - math.Exp(-0.8)), "complaint": 0})
		s.Equal(
			s.CountEntries(s.Track("ana", "Call Ended", enginetest.Props{"wait_minutes": 20}), s.Track("ana", "Cart Updated", nil)),
			[]int{0, 0},
		)
	})
}

func TestScheduleSeesIntents(t *testing.T) {
	each(t, func(s *suite) {
		d := enginetest.Cart(func(d *journey.Definition) {
			d.Entry = journey.Entry{
				Schedule: &journey.Schedule{At: "13:00", Timezone: "UTC"},
				When:     "intent.buy_now > 0.5",
				Reentry:  journey.ReentryAfterExit,
			}
			d.Goal = nil
		})
		s.Ingest(
			enginetest.Noon,
			s.Track("ana", "Product Viewed", nil),
			s.Track("ana", "Product Viewed", nil),
			s.Track("ben", "Product Viewed", nil),
		)
		s.publishIntents(shopIntents(), d)
		for more := true; more; {
			var err error
			more, err = s.Enrollments.RunSchedules(s.Ctx, enginetest.Noon.Add(time.Hour), enginetest.Wall)
			s.Must(err)
		}
		s.Equal(s.Drain(), []string{"start cart/ana"})
	})
}

func TestReleaseMayNotDropAnIntentThatIsNeeded(t *testing.T) {
	each(t, func(s *suite) {
		d := waitsForLevels(above("buy-now", 0.5))
		d.Steps[1].When = "intent.complaint < 0.5"
		s.publishIntents(shopIntents(), d)
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		_, err := s.Catalog.Publish(
			s.Ctx,
			enginetest.Noon,
			enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder()),
		)
		var dropped *catalog.DroppedError
		if !errors.As(err, &dropped) {
			s.T.Fatal(err)
		}
		by := fmt.Sprintf("named by journey levelled (revision %s, 1 open)", d.Revision())
		s.Equal(dropped.Missing, []string{`intent "buy-now", ` + by, `intent "complaint", ` + by})
		s.End(s.OpenAt("levelled/ana"), contract.Completed, enginetest.Noon)
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	})
}

func TestFunnelSeesIntentsAsTheyWere(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents(), enginetest.Cart(func(d *journey.Definition) {
			d.Goal = &journey.Goal{Events: []string{"Order Completed"}, When: "intent.complaint > 0.7", Within: 10 * enginetest.Day}
		}))
		for i, id := range []string{"ana", "ben"} {
			e := s.Enter(id, nil)
			s.End(e, "left", enginetest.Noon.Add(time.Hour))
			s.Ingest(
				enginetest.Noon.Add(time.Duration(1+i*6)*enginetest.Day),
				s.Track(id, "Chat Ended", enginetest.Props{"wait_minutes": 16}),
			) // ben's visit is after his order
			s.Ingest(enginetest.Noon.Add(time.Duration(1+i)*enginetest.Day), s.Track(id, "Order Completed", nil))
		}
		n, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon.Add(30*enginetest.Day), "cart")
		s.Must(err)
		s.Equal(n.Funnel.Treated.Converted, int64(1))
	})
}
