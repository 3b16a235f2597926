package enrollment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func TestConditionEntersWhenItTurnsTrue(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.EnteredWhen(`customer.tier == "gold"`)}, enginetest.Reminder())
		s.Equal(s.CountEntries(
			s.Identify("ana", enginetest.Props{"tier": "silver"}),
			s.Identify("ana", enginetest.Props{"tier": "gold"}), // becomes true
			s.Identify("ana", enginetest.Props{"tier": "gold"}), // stays true
			s.Track("ana", "Page", nil),
			s.Identify("ana", enginetest.Props{"tier": nil}),
			s.Identify("ana", enginetest.Props{"tier": "gold", "x": 1}), // again
			s.Identify("ben", enginetest.Props{"tier": "gold"}),         // a new customer, for whom it is true at once
		), []int{0, 1, 0, 0, 0, 1, 1})
		e := s.OpenAt("gold/ben")
		s.Equal([]string{e.EntryName, e.EntryEvent}, []string{"Customer Updated", "m7"})
		// In one batch, too.
		r := s.Ingest(
			enginetest.Noon,
			s.Identify("cem", enginetest.Props{"tier": "x"}),
			s.Identify("cem", enginetest.Props{"tier": "gold"}),
			s.Identify("cem", enginetest.Props{"tier": "x"}),
			s.Identify("cem", enginetest.Props{"tier": "gold"}),
		)
		s.Equal([]int{len(r[0].Entered), len(r[1].Entered), len(r[2].Entered), len(r[3].Entered)}, []int{0, 1, 0, 1})
	})
}

func TestConditionReadsHistory(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{enginetest.EnteredWhen(`count("Order Completed") >= 2.0 && customer.email != ""`)},
			enginetest.Reminder(),
		)
		s.Equal(s.CountEntries(
			s.Track("ana", "Order Completed", nil), s.Track("ana", "Order Completed", nil), // no e-mail address yet
			s.Identify("ana", enginetest.Props{"email": "a@x"}),
			s.Track("ana", "Order Completed", nil),
		), []int{0, 0, 1, 0})
		r := s.Ingest(
			enginetest.Noon,
			s.Identify("ben", enginetest.Props{"email": "b@x"}),
			s.Track("ben", "Order Completed", nil),
			s.Track("ben", "Order Completed", nil),
		)
		s.Equal([]int{len(r[0].Entered), len(r[1].Entered), len(r[2].Entered)}, []int{0, 0, 1})
	})
}

// If the value of a condition is unknown, its value just before the event counts. So customers for whom the condition is
// true when the journey is published do not enter.
func TestConditionTrueBeforePublishDoesNotEnter(t *testing.T) {
	each(t, func(s *suite) {
		s.Ingest(
			enginetest.Noon,
			s.Identify("ana", enginetest.Props{"tier": "gold"}),
			s.Identify("ben", enginetest.Props{"tier": "silver"}),
			s.Track("ana", "Buy", nil),
		)
		s.Publish([]*journey.Definition{enginetest.EnteredWhen(`customer.tier == "gold" && count("Buy") > 0.0`)}, enginetest.Reminder())
		s.Equal(
			s.CountEntries(
				s.Track("ana", "Page", nil),
				s.Track("ana", "Buy", nil),
				s.Identify("ben", enginetest.Props{"tier": "gold"}),
				s.Track("ben", "Buy", nil),
			),
			[]int{0, 0, 0, 1},
		)
		// The value of another condition is unknown again.
		s.Publish([]*journey.Definition{enginetest.EnteredWhen(`customer.tier == "gold"`)}, enginetest.Reminder())
		s.Equal(
			s.CountEntries(
				s.Track("ben", "Page", nil),
				s.Identify("ben", enginetest.Props{"tier": ""}),
				s.Identify("ben", enginetest.Props{"tier": "gold"}),
			),
			[]int{0, 0, 1},
		)
	})
}

func TestConditionEntryRespectsReentry(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.EnteredWhen(
					`customer.tier == "gold"`,
					enginetest.Reentry(journey.ReentryAfterExit, 0),
					func(d *journey.Definition) {
						d.Entry.Key, d.Entry.Holdout = "event.shop", 100
					},
				),
			},
			enginetest.Reminder(),
		)
		up, down := enginetest.Props{"tier": "gold", "shop": "a"}, enginetest.Props{"tier": "x"}
		s.Equal(
			s.CountEntries(s.Identify("ana", up), s.Identify("ana", down), s.Identify("ana", up)),
			[]int{1, 0, 0},
		) // an enrollment is open
		s.Equal(s.OpenAt("gold/ana/a").Holdout, true)
		s.Equal(s.CountEntries(s.Identify("ben", enginetest.Props{"tier": "gold"})), []int{0}) // no key
		_, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "gold", "me", true)
		s.Must(err)
		s.Equal(s.CountEntries(s.Identify("cem", up)), []int{0})
	})
}

// Traits that a step sets can make a condition true. A repeat of the step enters nobody.
func TestConditionEntryByAssign(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(), enginetest.EnteredWhen(`customer.tier == "gold"`)}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		for range 2 {
			s.Must(s.Intake.Assign(s.Ctx, enginetest.Noon, enginetest.Ref(e), e.ID+"/set/1", enginetest.Props{"tier": "gold"}))
		}
		s.Equal(s.Drain(), []string{"start gold/ana"})
		s.Equal(s.OpenAt("gold/ana").EntryEvent, e.ID+"/set/1")
	})
}

func TestConditionEntryByMerge(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.EnteredWhen(`customer.tier == "gold" && count("Buy") >= 2.0`)}, enginetest.Reminder())
		anon := func(event string) customer.SegmentCall {
			c := s.Track("", event, nil)
			c.AnonymousID = "a1"
			return c
		}
		s.Equal(
			s.CountEntries(anon("Buy"), s.Identify("ana", enginetest.Props{"tier": "gold"}), s.Track("ana", "Buy", nil)),
			[]int{0, 0, 0},
		)
		alias := customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "a1"}
		s.Equal(s.CountEntries(alias, alias), []int{1, 0})
		e := s.OpenAt("gold/ana")
		s.Equal([]string{e.EntryName, e.EntryEvent}, []string{"Customer Updated", "tabi.merge/join"})
		s.Equal(s.CountEntries(s.Track("ana", "Buy", nil)), []int{0})

		// A condition that was true for one of the two is not new.
		s.Equal(
			s.CountEntries(s.Identify("ben", enginetest.Props{"tier": "gold"}), s.Track("ben", "Buy", nil), s.Track("ben", "Buy", nil)),
			[]int{0, 0, 1},
		)
		s.Equal(
			s.CountEntries(
				s.Identify("old", enginetest.Props{"tier": "gold"}),
				customer.SegmentCall{Type: "alias", MessageID: "j2", UserID: "old", PreviousID: "ben"},
				s.Track("old", "Page", nil),
			),
			[]int{0, 0, 0},
		)
		left, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from entry_conditions where customer = 'ben'`)
		s.Must(err)
		s.Equal(left, false)
		// With identify there is an event. The same call created the anonymous visitor.
		s.Equal(
			s.CountEntries(
				customer.SegmentCall{
					Type:        "identify",
					MessageID:   "j3",
					UserID:      "cem",
					AnonymousID: "a9",
					Traits:      enginetest.Props{"tier": "gold"},
				},
				s.Track("cem", "Buy", nil),
				s.Track("cem", "Buy", nil),
			),
			[]int{0, 0, 1},
		)
		// Nobody enters, so no entry event is created.
		s.Equal(s.CountEntries(customer.SegmentCall{Type: "alias", MessageID: "j4", UserID: "dan", PreviousID: "a10"}), []int{0})
		made, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from events where id in ('tabi.merge/j2', 'tabi.merge/j4')`)
		s.Must(err)
		s.Equal(made, false)
	})
}

// Many writers make the condition true at once. Each change enters once.
func TestConditionEntryUnderManyWriters(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.EnteredWhen(`count("Buy") == 8.0`)}, enginetest.Reminder())
		done := make(chan error, 16)
		for w := range 16 {
			go func() {
				var failed error
				for n := range 8 { // each customer buys eight times, by different writers
					id := fmt.Sprintf("c%d", (w+n)%16)
					if _, err := s.Intake.Ingest(s.Ctx, enginetest.Noon.Add(time.Duration(n)*time.Second),
						[]customer.SegmentCall{{Type: "track", MessageID: fmt.Sprintf("w%d/%d", w, n), UserID: id,
							Event: "Buy"}}); err != nil {
						failed = err
					}
				}
				done <- failed
			}()
		}
		for range 16 {
			s.Must(<-done)
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.Open["gold"], int64(16))
	})
}
