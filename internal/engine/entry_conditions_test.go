package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// gold is a journey that is entered by a change of state.
func gold(when string, change ...func(*journey.Definition)) *journey.Definition {
	return cart(append([]func(*journey.Definition){func(d *journey.Definition) {
		d.Journey, d.Goal, d.Entry = "gold", nil, journey.Entry{When: expr.Expr(when), Reentry: journey.ReentryAlways}
	}}, change...)...)
}

// enters says how many enrollments each call starts.
func (s *suite) entered(calls ...customer.SegmentCall) []int {
	s.T.Helper()
	var out []int
	for _, c := range calls {
		for _, r := range s.ingest(noon, c) {
			out = append(out, len(r.Entered))
		}
	}
	return out
}

func TestEntryByChangeOfState(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{gold(`customer.tier == "gold"`)}, reminder())
		s.same(s.entered(
			s.identify("ana", props{"tier": "silver"}),
			s.identify("ana", props{"tier": "gold"}), // turns true
			s.identify("ana", props{"tier": "gold"}), // stays
			s.track("ana", "Page", nil),
			s.identify("ana", props{"tier": nil}),
			s.identify("ana", props{"tier": "gold", "x": 1}), // again
			s.identify("ben", props{"tier": "gold"}),         // new, and true at once
		), []int{0, 1, 0, 0, 0, 1, 1})
		e := s.at("gold/ben")
		s.same([]string{e.EntryName, e.EntryEvent}, []string{"Customer Updated", "m7"})
		// In one batch, too.
		r := s.ingest(
			noon,
			s.identify("cem", props{"tier": "x"}),
			s.identify("cem", props{"tier": "gold"}),
			s.identify("cem", props{"tier": "x"}),
			s.identify("cem", props{"tier": "gold"}),
		)
		s.same([]int{len(r[0].Entered), len(r[1].Entered), len(r[2].Entered), len(r[3].Entered)}, []int{0, 1, 0, 1})
	})
}

func TestEntryByStateOfHistory(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{gold(`count("Order Completed") >= 2.0 && customer.email != ""`)}, reminder())
		s.same(s.entered(
			s.track("ana", "Order Completed", nil), s.track("ana", "Order Completed", nil), // no email yet
			s.identify("ana", props{"email": "a@x"}),
			s.track("ana", "Order Completed", nil),
		), []int{0, 0, 1, 0})
		r := s.ingest(
			noon,
			s.identify("ben", props{"email": "b@x"}),
			s.track("ben", "Order Completed", nil),
			s.track("ben", "Order Completed", nil),
		)
		s.same([]int{len(r[0].Entered), len(r[1].Entered), len(r[2].Entered)}, []int{0, 0, 1})
	})
}

// Where nothing is known, what was true just before the event counts: whoever is in the state when the journey
// is published has not turned.
func TestStateBeforeTheJourney(t *testing.T) {
	each(t, func(s *suite) {
		s.ingest(noon, s.identify("ana", props{"tier": "gold"}), s.identify("ben", props{"tier": "silver"}), s.track("ana", "Buy", nil))
		s.publishes([]*journey.Definition{gold(`customer.tier == "gold" && count("Buy") > 0.0`)}, reminder())
		s.same(
			s.entered(
				s.track("ana", "Page", nil),
				s.track("ana", "Buy", nil),
				s.identify("ben", props{"tier": "gold"}),
				s.track("ben", "Buy", nil),
			),
			[]int{0, 0, 0, 1},
		)
		// Another condition starts afresh.
		s.publishes([]*journey.Definition{gold(`customer.tier == "gold"`)}, reminder())
		s.same(
			s.entered(s.track("ben", "Page", nil), s.identify("ben", props{"tier": ""}), s.identify("ben", props{"tier": "gold"})),
			[]int{0, 0, 1},
		)
	})
}

func TestStateEntryKeepsTheRules(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(
			[]*journey.Definition{gold(`customer.tier == "gold"`, reentry(journey.ReentryAfterExit, 0), func(d *journey.Definition) {
				d.Entry.Key, d.Entry.Holdout = "event.shop", 100
			})},
			reminder(),
		)
		up, down := props{"tier": "gold", "shop": "a"}, props{"tier": "x"}
		s.same(s.entered(s.identify("ana", up), s.identify("ana", down), s.identify("ana", up)), []int{1, 0, 0}) // one is open
		s.same(s.at("gold/ana/a").Holdout, true)
		s.same(s.entered(s.identify("ben", props{"tier": "gold"})), []int{0}) // no key
		_, err := s.Enrollments.PauseJourney(s.ctx, noon, "gold", "me", true)
		s.must(err)
		s.same(s.entered(s.identify("cem", up)), []int{0})
	})
}

// What a step sets is a change as any other; its repeat enters nobody.
func TestStateEntryByAssign(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(), gold(`customer.tier == "gold"`)}, reminder())
		e := s.enters("ana", nil)
		for range 2 {
			s.must(s.Intake.Assign(s.ctx, noon, ref(e), e.ID+"/set/1", props{"tier": "gold"}))
		}
		s.same(s.drain(), []string{"start gold/ana"})
		s.same(s.at("gold/ana").EntryEvent, e.ID+"/set/1")
	})
}

func TestStateEntryByMerge(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{gold(`customer.tier == "gold" && count("Buy") >= 2.0`)}, reminder())
		anon := func(event string) customer.SegmentCall {
			c := s.track("", event, nil)
			c.AnonymousID = "a1"
			return c
		}
		s.same(s.entered(anon("Buy"), s.identify("ana", props{"tier": "gold"}), s.track("ana", "Buy", nil)), []int{0, 0, 0})
		alias := customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "a1"}
		s.same(s.entered(alias, alias), []int{1, 0})
		e := s.at("gold/ana")
		s.same([]string{e.EntryName, e.EntryEvent}, []string{"Customer Updated", "tabi.merge/join"})
		s.same(s.entered(s.track("ana", "Buy", nil)), []int{0})

		// What held for one of the two is not new.
		s.same(s.entered(s.identify("ben", props{"tier": "gold"}), s.track("ben", "Buy", nil), s.track("ben", "Buy", nil)), []int{0, 0, 1})
		s.same(
			s.entered(
				s.identify("old", props{"tier": "gold"}),
				customer.SegmentCall{Type: "alias", MessageID: "j2", UserID: "old", PreviousID: "ben"},
				s.track("old", "Page", nil),
			),
			[]int{0, 0, 0},
		)
		left, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from entry_conditions where customer = 'ben'`)
		s.must(err)
		s.same(left, false)
		// By identify, the event is there; the anonymous one was made by the same call.
		s.same(
			s.entered(
				customer.SegmentCall{Type: "identify", MessageID: "j3", UserID: "cem", AnonymousID: "a9", Traits: props{"tier": "gold"}},
				s.track("cem", "Buy", nil),
				s.track("cem", "Buy", nil),
			),
			[]int{0, 0, 1},
		)
		// Nobody enters: no event is made up.
		s.same(s.entered(customer.SegmentCall{Type: "alias", MessageID: "j4", UserID: "dan", PreviousID: "a10"}), []int{0})
		made, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from events where id in ('tabi.merge/j2', 'tabi.merge/j4')`)
		s.must(err)
		s.same(made, false)
	})
}

// Many writers turn customers at once: each turn enters once.
func TestStateEntryUnderManyWriters(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{gold(`count("Buy") == 8.0`)}, reminder())
		done := make(chan error, 16)
		for w := range 16 {
			go func() {
				var failed error
				for n := range 8 { // every customer buys eight times in all, by different writers
					id := fmt.Sprintf("c%d", (w+n)%16)
					if _, err := s.Intake.Ingest(s.ctx, noon.Add(time.Duration(n)*time.Second),
						[]customer.SegmentCall{{Type: "track", MessageID: fmt.Sprintf("w%d/%d", w, n), UserID: id,
							Event: "Buy"}}); err != nil {
						failed = err
					}
				}
				done <- failed
			}()
		}
		for range 16 {
			s.must(<-done)
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.Open["gold"], int64(16))
	})
}
