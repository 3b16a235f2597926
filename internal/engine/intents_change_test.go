package engine

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// levelled is a journey that waits for levels alone.
func levelled(levels ...journey.Level) *journey.Definition {
	return cart(named("levelled"), func(d *journey.Definition) {
		d.Goal = nil
		wait := &journey.WaitFor{Timeout: 90 * day, OnTimeout: 1}
		for i := range levels {
			wait.Arms = append(wait.Arms, journey.EventArm{Level: &levels[i], Then: 1})
		}
		d.Steps[0].Spec = wait
	})
}

func TestInstancesHearOfLevels(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(), levelled(above("buy-now", 0.5), below("complaint", 0.2)))
		hears := func(now time.Time, c customer.SegmentCall) int {
			s.T.Helper()
			return len(s.ingest(now, c)[0].DeliveredTo)
		}
		s.ingest(noon, s.track("ana", "Call Ended", props{"wait_minutes": 20}), s.track("ana", "Cart Updated", nil))
		s.drain()
		s.same([]int{
			hears(noon, s.track("ana", "Page", nil)), // none holds
			hears(noon, s.track("ana", "Product Viewed", nil)),
			hears(noon, s.track("ana", "Product Viewed", nil)), // above
			hears(noon, s.track("ana", "Page", nil)),           // still
			hears(noon, s.track("ana", "Order Completed", nil)),
			hears(noon.Add(40*day), s.track("ana", "Page", nil)), // below by fading
		}, []int{0, 0, 1, 1, 0, 1})

		// Held-out enrollments, and those that await their goal, are on no step.
		s.believes(wishes(), levelled(above("buy-now", 0.5)), cart(func(d *journey.Definition) { d.Entry.Holdout = 100 }))
		s.same(hears(noon, s.track("ben", "Cart Updated", nil)), 0)
		s.same(hears(noon, s.track("ben", "Product Viewed", nil))+hears(noon, s.track("ben", "Product Viewed", nil)), 1)

		// An event that makes a level hold sooner by decay is delivered too.
		s.believes(
			wishes(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[1].Weight = -0.1 }),
			levelled(below("buy-now", 0.2)),
		)
		s.ingest(noon, s.track("cem", "Product Viewed", nil), s.track("cem", "Product Viewed", nil), s.track("cem", "Cart Updated", nil))
		s.same([]int{hears(noon, s.track("cem", "Product Viewed", nil)), hears(noon, s.track("cem", "Order Completed", nil))}, []int{0, 1})
	})
}

func TestRedefinedIntents(t *testing.T) {
	each(t, func(s *suite) {
		msg := s.track("ana", "Message Received", nil)
		msg.Classified = &customer.Classification{Intent: "complaint", Confidence: 0.5}
		s.believes(wishes(), levelled(above("buy-now", 0.8)))
		for _, id := range []string{"ana", "ben", "cem", "dan"} {
			s.ingest(
				noon,
				s.identify(id, props{"tier": "gold"}),
				s.track(id, "Cart Updated", nil),
				s.track(id, "Product Viewed", nil),
				s.track(id, "Call Ended", props{"wait_minutes": 20}),
			)
		}
		s.ingest(noon, msg, s.identify("eve", nil))
		s.drain()
		changed := wishes(func(all map[string]*journey.Intent) {
			all["buy-now"].Evidence[0].Weight = 2
			all["new"] = &journey.Intent{
				Name:     "new",
				HalfLife: day,
				Evidence: []journey.Evidence{{Events: []string{"Call Ended"}, Weight: 1}},
			}
		})
		s.believes(changed, levelled(above("buy-now", 0.8)))
		want := func(buy, complaint, fresh float64) map[string]float64 {
			return map[string]float64{"buy-now": buy, "complaint": complaint, "new": fresh}
		}
		// A look sums up without writing; an event writes.
		s.same(s.strengths(noon.Add(day), "ana"), want(rounded(2*math.Exp2(-1./3)), rounded(2.5*math.Exp2(-1./7)), 0.5))
		s.same(len(s.ingest(noon.Add(3*day), s.track("ben", "Page", nil))[0].DeliveredTo), 0) // 1, 0.63
		s.same(len(s.ingest(noon.Add(3*day), s.track("ben", "Product Viewed", nil))[0].DeliveredTo), 1)
		s.same(s.strengths(noon.Add(3*day), "ben"), want(3, rounded(1.5*math.Exp2(-3./7)), 0.125))
		s.drain()
		all, err := s.Intents.Scores(s.ctx, noon, "ana")
		s.must(err)
		s.same([]int{len(all[0].Evidence), len(all[1].Evidence), len(all[2].Evidence)}, []int{1, 2, 1})

		pages := 0
		for more := true; more; pages++ {
			more, err = s.Intents.Recompute(s.ctx, noon, 2)
			s.must(err)
		}
		s.same(pages, 2) // nothing is known of eve
		s.same(
			s.drain(),
			[]string{
				"scores changed levelled/ana",
				"scores changed levelled/cem",
				"scores changed levelled/dan",
			},
		)
		s.same(s.strengths(noon, "cem"), want(2, 1.5, 1))
		for _, id := range []string{"ana", "ben", "cem", "dan"} {
			fresh, stale := s.kept(id)
			s.same([]int{fresh, stale}, []int{3, 0})
		}
		more, err := s.Intents.Recompute(s.ctx, noon, 2)
		s.must(err)
		s.same(more, false)

		// What the classifier is trained by is no part of the definition.
		changed["new"].Examples = []string{"hello"}
		s.believes(changed, levelled(above("buy-now", 0.8)))
		open, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from settings where key = 'intents'`)
		s.must(err)
		s.same(open, false)

		// An intent that was away has missed nothing.
		delete(changed, "new")
		s.believes(changed, levelled(above("buy-now", 0.8)))
		s.ingest(noon, s.track("cem", "Call Ended", nil))
		changed["new"] = &journey.Intent{
			Name:     "new",
			HalfLife: day,
			Evidence: []journey.Evidence{{Events: []string{"Call Ended"}, Weight: 1}},
		}
		s.believes(changed, levelled(above("buy-now", 0.8)))
		s.same(s.strengths(noon, "cem"), want(2, 1.5, 2))
		s.ingest(noon, s.track("cem", "Call Ended", nil))
		s.same(s.strengths(noon, "cem"), want(2, 1.5, 3))
	})
}

// kept counts a customer's rows of the current definitions, and of others.
func (s *suite) kept(id string) (fresh, stale int) {
	s.T.Helper()
	s.must(s.Database.Read(s.ctx, func(tx sqldb.Conn) error {
		rel, err := s.Catalog.Current(s.ctx, tx)
		if err != nil {
			return err
		}
		found, old, err := intent.ReadLeanings(s.ctx, tx, rel.Intents, []string{id})
		fresh, stale = len(found[id].Of), len(old)
		return err
	}))
	return fresh, stale
}

// A decision and a send find what is stale under the customer's lock: they store it, once, and the enrollments
// that wait for it hear of it.
func TestDecisionsStoreWhatTheySumUp(t *testing.T) {
	each(t, func(s *suite) {
		s.Units.Channels, s.Offers.Certain = emailAndApp, true
		believe := func(weight float64) {
			c := offering()
			c.Journeys["levelled"] = levelled(above("buy-now", 0.8))
			c.Intents = wishes(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = weight })
			_, err := s.Catalog.Publish(s.ctx, noon, c)
			s.must(err)
		}
		believe(0.1)
		for _, id := range []string{"ana", "ben"} {
			s.ingest(
				noon,
				s.identify(id, props{"email": id + "@example.com"}),
				s.track(id, "Cart Updated", nil),
				s.track(id, "Product Viewed", nil),
			)
		}
		s.drain()
		believe(2)
		ask := offer.Inbound{UserID: "ana", Group: "offers", RequestID: "r", Preview: true}
		_, err := s.Offers.DecideInbound(s.ctx, noon, ask)
		s.must(err)
		if _, stale := s.kept("ana"); stale != 1 {
			s.T.Fatal("a preview stored something")
		}
		ask.Preview = false
		_, err = s.Offers.DecideInbound(s.ctx, noon, ask)
		s.must(err)
		fresh, stale := s.kept("ana")
		s.same([]int{fresh, stale}, []int{2, 0})
		s.same(s.drain(), []string{"scores changed levelled/ana"})
		_, err = s.Messages.Reserve(s.ctx, noon, wall, s.send(s.at("levelled/ben"), "k"), time.Minute)
		s.must(err)
		fresh, stale = s.kept("ben")
		s.same([]int{fresh, stale}, []int{2, 0})
	})
}

// Redefined while two are still to become one: both histories count, by the new definition.
func TestRedefinedAndMerged(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes())
		s.ingest(noon, s.track("ana", "Product Viewed", nil), s.track("old", "Product Viewed", nil))
		s.believes(wishes(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = 1 }))
		s.ingest(noon, customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"})
		s.same(s.strengths(noon, "ana"), map[string]float64{"buy-now": 2, "complaint": 0})
		_, err := s.Intents.Recompute(s.ctx, noon, 100)
		s.must(err)
		s.same(s.strengths(noon, "ana"), map[string]float64{"buy-now": 2, "complaint": 0})
	})
}

// Merged under a release without intents, they are one when it has some again: also what was set, which no event tells.
func TestMergedWithoutIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes())
		s.ingest(noon, s.track("ana", "Product Viewed", nil), s.track("old", "Product Viewed", nil))
		s.must(s.Intake.SetIntents(s.ctx, noon, "old", map[string]float64{"complaint": 0.75}))
		s.publishes(nil, reminder())
		s.ingest(noon, customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"})
		for _, table := range []string{"intents", "intent_evidence"} {
			stranded, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from `+table+` where customer = 'old'`)
			s.must(err)
			s.same(stranded, false)
		}
		s.believes(wishes())
		s.same(s.strengths(noon, "ana"), map[string]float64{"buy-now": 0.8, "complaint": rounded(math.Log(4))})
	})
}

func TestSetIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(), levelled(above("buy-now", 0.5)), gold("intent.buy_now > 0.8"))
		s.ingest(noon, s.track("ana", "Product Viewed", nil), s.track("ana", "Cart Updated", nil))
		s.drain()
		s.must(s.Intake.SetIntents(s.ctx, noon, "ana", map[string]float64{"buy-now": 0.75}))
		s.same(s.drain(), []string{"scores changed levelled/ana"})
		s.ingest(noon.Add(3*day), s.track("ana", "Product Viewed", nil))
		s.same(s.strengths(noon.Add(3*day), "ana"), map[string]float64{"buy-now": rounded(math.Log(2) + 0.4), "complaint": 0})
		all, err := s.Intents.Scores(s.ctx, noon, "ana")
		s.must(err)
		s.same([]any{len(all[0].Evidence), all[0].Evidence[0].Name}, []any{2, "set"})
		s.drain()

		// It is kept when the definition changes; what was before it is not.
		s.believes(
			wishes(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = 1 }),
			levelled(above("buy-now", 0.5)),
			gold("intent.buy_now > 0.8"),
		)
		s.same(s.strengths(noon.Add(3*day), "ana"), map[string]float64{"buy-now": rounded(math.Log(2) + 1), "complaint": 0})

		// A condition that becomes true enters its journey once.
		for range 2 {
			s.must(s.Intake.SetIntents(s.ctx, noon.Add(4*day), "ben", map[string]float64{"buy-now": 0.9}))
		}
		s.same(s.drain(), []string{"start gold/ben"})
		s.same(s.at("gold/ben").EntryName, "Customer Updated")
		err = s.Intake.SetIntents(s.ctx, noon, "ana", map[string]float64{"weather": 0.5})
		if !message.IsInput(err) {
			s.T.Fatal(err)
		}
	})
}

func TestExpressionsSeeIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(), cart(func(d *journey.Definition) {
			d.Entry.When, d.Entry.Reentry = "intent.buy_now > 0.5 && intent.complaint == 0.0", journey.ReentryAlways
		}), gold("intent.buy_now > 0.6"))
		// The event at hand has counted.
		s.same(
			s.entered(s.track("ana", "Product Viewed", nil), s.track("ana", "Product Viewed", nil), s.track("ana", "Cart Updated", nil)),
			[]int{0, 0, 1},
		)
		e := s.at("cart/ana")
		s.same(s.entered(s.track("ana", "Product Viewed", nil), s.track("ana", "Product Viewed", nil)), []int{1, 0})
		vars, err := s.Variables.View(s.ctx, noon.Add(3*day), ref(e), contract.EvalContext{})
		s.must(err)
		for name, score := range vars.Intent {
			vars.Intent[name] = rounded(score)
		}
		s.same(vars.Intent, map[string]float64{"buy-now": rounded(1 - math.Exp(-0.8)), "complaint": 0})
		s.same(s.entered(s.track("ana", "Call Ended", props{"wait_minutes": 20}), s.track("ana", "Cart Updated", nil)), []int{0, 0})
	})
}

func TestScheduleSeesIntents(t *testing.T) {
	each(t, func(s *suite) {
		d := cart(func(d *journey.Definition) {
			d.Entry = journey.Entry{
				Schedule: &journey.Schedule{At: "13:00", Timezone: "UTC"},
				When:     "intent.buy_now > 0.5",
				Reentry:  journey.ReentryAfterExit,
			}
			d.Goal = nil
		})
		s.ingest(noon, s.track("ana", "Product Viewed", nil), s.track("ana", "Product Viewed", nil), s.track("ben", "Product Viewed", nil))
		s.believes(wishes(), d)
		for more := true; more; {
			var err error
			more, err = s.Enrollments.RunSchedules(s.ctx, noon.Add(time.Hour), wall)
			s.must(err)
		}
		s.same(s.drain(), []string{"start cart/ana"})
	})
}

func TestReleaseMayNotDropAnIntentThatIsNeeded(t *testing.T) {
	each(t, func(s *suite) {
		d := levelled(above("buy-now", 0.5))
		d.Steps[1].When = "intent.complaint < 0.5"
		s.believes(wishes(), d)
		s.ingest(noon, s.track("ana", "Cart Updated", nil))
		_, err := s.Catalog.Publish(s.ctx, noon, content([]*journey.Definition{cart()}, reminder()))
		var dropped *catalog.DroppedError
		if !errors.As(err, &dropped) {
			s.T.Fatal(err)
		}
		by := fmt.Sprintf("named by journey levelled (revision %s, 1 open)", d.Revision())
		s.same(dropped.Missing, []string{`intent "buy-now", ` + by, `intent "complaint", ` + by})
		s.ends(s.at("levelled/ana"), contract.Completed, noon)
		s.publishes([]*journey.Definition{cart()}, reminder())
	})
}

func TestFunnelSeesIntentsAsTheyWere(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(), cart(func(d *journey.Definition) {
			d.Goal = &journey.Goal{Events: []string{"Order Completed"}, When: "intent.complaint > 0.7", Within: 10 * day}
		}))
		for i, id := range []string{"ana", "ben"} {
			e := s.enters(id, nil)
			s.ends(e, "left", noon.Add(time.Hour))
			s.ingest(noon.Add(time.Duration(1+i*6)*day), s.track(id, "Chat Ended", props{"wait_minutes": 16})) // ben's is after his order
			s.ingest(noon.Add(time.Duration(1+i)*day), s.track(id, "Order Completed", nil))
		}
		n, err := s.Analytics.Numbers(s.ctx, noon.Add(30*day), "cart")
		s.must(err)
		s.same(n.Funnel.Treated.Converted, int64(1))
	})
}
