package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReentry(t *testing.T) {
	day := 24 * time.Hour
	cases := map[string]struct {
		mode  string
		after time.Duration
		open  string // entered a second time while the first is open
		ended string // … after it ended, an hour after its entry
		later string // … a week after that entry
	}{
		"never":      {journey.ReentryNever, 0, "", "", ""},
		"always":     {journey.ReentryAlways, 0, "cart/ana/k1#2", "cart/ana/k1", "cart/ana/k1#3"},
		"after_exit": {journey.ReentryAfterExit, 0, "", "cart/ana/k1", ""},
		"after":      {journey.ReentryAfter, 7 * day, "", "", "cart/ana/k1"},
	}
	each(t, func(s *suite) {
		for name, c := range cases {
			d := cart(keyed, named("cart"), reentry(c.mode, c.after))
			s.publishes([]*journey.Definition{d}, reminder())
			customerID := "ana" + name
			enter := func(at time.Time) string {
				r := s.ingest(at, s.track(customerID, "Cart Updated", props{"cart_id": "k1"}))
				s.drain()
				return strings.Join(r[0].Entered, " ")
			}
			want := func(what, got, want string) {
				if want = strings.Replace(want, "ana", customerID, 1); got != want {
					s.T.Fatalf("%s: %s: entered %q, want %q", name, what, got, want)
				}
			}
			want("first", enter(noon), "cart/ana/k1")
			first := s.at("cart/" + customerID + "/k1")
			want("while open", enter(noon.Add(time.Minute)), c.open)
			s.ends(first, "completed", noon.Add(time.Hour))
			want("after its end", enter(noon.Add(time.Hour)), c.ended)
			want("a week later", enter(noon.Add(7*day)), c.later)
			// Another key is another matter, and so is another customer.
			r := s.ingest(
				noon,
				s.track(customerID, "Cart Updated", props{"cart_id": "k2"}),
				s.track(customerID+"x", "Cart Updated", props{"cart_id": "k1"}),
			)
			s.same(len(r[0].Entered)+len(r[1].Entered), 2)
			s.drain()
		}
	})
}

func TestReentryAfterRespectsTheOpenInstance(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(reentry(journey.ReentryAfter, time.Hour))})
		s.enters("ana", nil)
		s.same(s.ingest(noon.Add(2*time.Hour), s.track("ana", "Cart Updated", nil))[0].Entered, []string(nil))
	})
}

func TestWatchingIsNotInTheWay(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Exit = []journey.ExitRule{{Events: []string{"Cart Emptied"}, Outcome: "emptied"}}
		})})
		e := s.enters("ana", nil)
		s.must(
			s.Enrollments.Report(s.ctx, noon, contract.Report{Ref: ref(e), Seq: 1, Parked: &contract.Position{Silent: true, Since: noon}}),
		)
		s.same(s.byID(e.ID).State, unit.StateAwaitingGoal)
		r := s.ingest(
			noon,
			s.track("ana", "Cart Viewed", nil),
			s.track("ana", "Cart Emptied", nil),
			s.track("ana", "Order Completed", nil),
			s.track("ana", "Cart Updated", nil),
		)
		s.same(r[0].DeliveredTo, []string(nil))
		s.same(r[1].DeliveredTo, []string(nil))
		s.same(r[2].DeliveredTo, []string{e.ID})
		s.same(r[3].Entered, []string{"cart/ana#2"})
	})
}

func TestKeys(t *testing.T) {
	cases := map[string]struct {
		value any
		want  string
	}{
		"text": {
			"k/1",
			"cart/ana/k%2F1",
		}, "number": {12.0, "cart/ana/12"}, "fraction": {0.5, "cart/ana/0.5"}, "large": {1e15, "cart/ana/1000000000000000"},
		"boolean": {true, "cart/ana/true"},
		"null":    {nil, ""}, "empty": {"", ""}, "list": {[]any{"x"}, ""}, "too long": {strings.Repeat("x", 1000), ""},
	}
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(keyed)})
		for name, c := range cases {
			r := s.ingest(noon, s.track("ana", "Cart Updated", props{"cart_id": c.value}))
			if got := strings.Join(r[0].Entered, " "); got != c.want {
				s.T.Fatalf("%s: entered %q, want %q", name, got, c.want)
			}
		}
		s.same(s.ingest(noon, s.track("ana", "Cart Updated", nil))[0].Entered, []string(nil))
	})
}

func TestEntryConditionSeesTheChangedCustomerAndHistory(t *testing.T) {
	each(t, func(s *suite) {
		gold := cart(named("gold"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Customer Updated"}, `customer.tier == "gold" && event.tier == "gold"`
		})
		often := cart(named("often"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Seen"}, `count("Seen", "2d") >= 3`
		})
		s.publishes([]*journey.Definition{gold, often})
		s.same(s.ingest(noon, s.identify("ana", props{"tier": "gold"}))[0].Entered, []string{"gold/ana"})
		r := s.ingest(
			noon,
			s.track("ana", "Seen", nil),
			s.track("ben", "Seen", nil),
			s.track("ana", "Seen", nil),
			s.track("ana", "Seen", nil),
		)
		s.same(r[2].Entered, []string(nil))
		s.same(r[3].Entered, []string{"often/ana"})
		old := s.track("eve", "Seen", nil)
		old.Timestamp = noon.Add(-49 * time.Hour)
		r = s.ingest(noon, old, s.track("eve", "Seen", nil), s.track("eve", "Seen", nil))
		s.same(r[2].Entered, []string(nil))
	})
}

func TestEventsGoToOpenInstancesBeforeEntries(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(named("b")), cart(named("a")), cart(named("c"), func(d *journey.Definition) {
			d.Goal.Events = []string{"Cart Updated"}
		})})
		r := s.ingest(noon, s.track("ana", "Cart Updated", nil))
		s.same(r[0].Entered, []string{"a/ana", "b/ana", "c/ana"})
		s.same(r[0].DeliveredTo, []string(nil)) // nobody sees again the event it entered by
		s.drain()
		r = s.ingest(noon, s.track("ana", "Cart Updated", nil))
		s.same(len(r[0].DeliveredTo), 1)
	})
}

func TestDeferredEntry(t *testing.T) {
	both := func(d *journey.Definition) { d.Goal.Events = []string{"Order Completed", "Cart Updated"} }
	cases := []struct {
		name  string
		ended int // how many of the waiting events are taken before the enrollment ends; -1: it does not
		want  string
	}{
		{"ends by what came before", 1, "cart/ana"},
		{"does not end", -1, ""},
		{"ends by the event itself", 2, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *suite) {
				s.publishes([]*journey.Definition{cart(both)})
				e := s.enters("ana", nil)
				s.ingest(noon.Add(time.Minute), s.track("ana", "Order Completed", nil))
				r := s.ingest(noon.Add(2*time.Minute), s.track("ana", "Cart Updated", nil))
				s.same(r[0].Entered, []string(nil))
				s.same(r[0].DeliveredTo, []string{e.ID})
				taken := 0
				for range 10 {
					for _, l := range s.lease() {
						for _, d := range l.Deliveries {
							if d.Delivery == nil || l.Enrollment.ID != e.ID {
								continue
							}
							if taken++; taken == c.ended {
								s.ends(e, "goal", noon.Add(3*time.Minute))
								break
							}
							s.must(s.Outbox.Delivered(s.ctx, l, d.Seq))
						}
						s.must(s.Outbox.ReleaseLease(s.ctx, l, "", time.Time{}))
					}
				}
				all, err := s.Enrollments.List(s.ctx, enrollment.Filter{State: unit.StateOpen})
				s.must(err)
				var open []string
				for _, other := range all {
					if other.ID != e.ID {
						open = append(open, other.WorkflowID)
						s.same(other.EnteredAt, noon.Add(2*time.Minute))
					}
				}
				s.same(strings.Join(open, " "), c.want)
			})
		})
	}
}

func TestDeferredEntryOfAnInstanceThatIsGone(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.ingest(noon, s.track("ana", "Cart Updated", nil)) // its start is not delivered yet
		e := s.at("cart/ana")
		s.ingest(noon, s.track("ana", "Cart Updated", nil), s.track("ana", "Cart Updated", nil))
		s.loses(e.ID, "cancelled", "terminated")
		again := s.at("cart/ana")
		if again.ID == e.ID {
			s.T.Fatal("the lost instance is still open")
		}
		// The second one waits for the first to pass, and finds it in the way.
		s.same(s.drain(), []string{"start cart/ana"})
		all, err := s.Enrollments.List(s.ctx, enrollment.Filter{})
		s.must(err)
		s.same(len(all), 2)
	})
}

func TestHoldoutIsSticky(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Entry.Holdout = 50
			d.Exit = []journey.ExitRule{{Events: []string{"Cart Emptied"}, Outcome: "emptied"}}
		})})
		held := 0
		for i := range 40 {
			id := fmt.Sprintf("c%d", i)
			e := s.enters(id, nil)
			s.same(e.Holdout, journey.Bucket("cart", id) < 0.5)
			if !e.Holdout {
				continue
			}
			held++
			r := s.ingest(noon, s.track(id, "Cart Viewed", nil), s.track(id, "Order Completed", nil), s.track(id, "Cart Emptied", nil))
			s.same([]int{len(r[0].DeliveredTo), len(r[1].DeliveredTo), len(r[2].DeliveredTo)}, []int{0, 1, 1})
		}
		if held == 0 || held == 40 {
			s.T.Fatalf("%d of 40 held out of half", held)
		}
	})
}

func TestEnterByHand(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(
			[]*journey.Definition{cart(keyed, func(d *journey.Definition) { d.Entry.When = `event.total >= 50` }), cart(named("other"))},
		)
		start := func(name string, p props) customer.Receipt {
			s.n++
			return s.ingest(noon, customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("s%d", s.n), UserID: "ana", Enter: name,
				Properties: p})[0]
		}
		s.same(start("cart", props{"cart_id": "k1"}).Entered, []string{"cart/ana/k1"})
		s.same(s.at("cart/ana/k1").EntryName, "Journey Started")
		s.drain()
		for want, r := range map[string]customer.Receipt{
			"an enrollment is open":     start("cart", props{"cart_id": "k1"}),
			"has no value":              start("cart", nil),
			"there is no journey \"x\"": start("x", nil),
		} {
			if len(r.Entered) != 0 || !strings.Contains(r.Refused, want) {
				s.T.Fatalf("refused with %q, want %q", r.Refused, want)
			}
		}
		_, err := s.Enrollments.PauseJourney(s.ctx, noon, "cart", "eve", true)
		s.must(err)
		s.same(start("cart", props{"cart_id": "k2"}).Refused, "the journey is paused")
	})
}

func TestAJourneyTakenOutStopsEntries(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.publishes(nil, reminder())
		s.same(s.ingest(noon, s.track("ben", "Cart Updated", nil))[0].Entered, []string(nil))
		s.same(s.ingest(noon, s.track("ana", "Order Completed", nil))[0].DeliveredTo, []string{e.ID}) // its enrollments go on
	})
}
